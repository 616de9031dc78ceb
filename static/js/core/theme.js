/** Dark, light, or as the system has it; remembered in the browser. */

/** @typedef {"auto" | "light" | "dark"} Theme */

const KEY = "nsqadmin.theme";
const listeners = new Set();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);

/** @returns {Theme} */
export function theme() {
  return /** @type {Theme} */ (document.documentElement.dataset.theme ?? "auto");
}

/** @param {Theme} chosen */
export function setTheme(chosen) {
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    if (chosen === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // Storage may be forbidden; the choice then holds until the page is left.
  }
  tell();
}

/**
 * Calls back when colours have changed, for what is painted and not styled.
 * @param {() => void} listener
 * @returns {() => void} stops it
 */
export function onThemeChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  for (const listener of listeners) listener();
}
