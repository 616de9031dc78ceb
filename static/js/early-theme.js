// A classic script, so that a remembered theme holds before the first paint.
try {
  const theme = localStorage.getItem("nsqadmin.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the theme then follows the system.
}
