/** Boxes that scroll inside themselves can be reached by the keyboard, but only while there is something to scroll. */

/**
 * @param {HTMLElement} element the box, with one child
 * @param {string} label what is in it
 */
export function watchOverflow(element, label) {
  const observer = new ResizeObserver(() => mark(element, label));
  observer.observe(element);
  observer.observe(element.firstElementChild);
}

function mark(element, label) {
  const scrolls = element.scrollWidth > element.clientWidth + 1;
  if (!scrolls) {
    for (const name of ["tabindex", "role", "aria-label"]) element.removeAttribute(name);
    return;
  }
  element.setAttribute("tabindex", "0");
  element.setAttribute("role", "region");
  element.setAttribute("aria-label", `${label}, scrolls sideways`);
}
