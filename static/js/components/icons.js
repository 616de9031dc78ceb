/** Small line icons, 16 × 16, in the colour of the text; hidden from screen readers: the words beside them say it. */
import { svg } from "../core/dom.js";

const PATHS = {
  alert: "M8 2 15 14H1zM8 6.5v3.5M8 12v.3",
  arrowDown: "M8 3v10M4 9l4 4 4-4",
  arrowUp: "M8 13V3M4 7l4-4 4 4",
  check: "M3 8.5 6.5 12 13 4.5",
  chevron: "M6 3.5 10.5 8 6 12.5",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6h7v7H6zM3.5 10H3V3h7v.5",
  cross: "M4 4l8 8M12 4l-8 8",
  empty: "M2.5 9.5 4.5 3h7l2 6.5V13h-11zM2.5 9.5H6l.8 1.5h2.4l.8-1.5h3.5",
  info: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8M8 7.3v4M8 4.6v.3",
  menu: "M2 4h12M2 8h12M2 12h12",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z",
  pause: "M5.5 3v10M10.5 3v10",
  play: "M4.5 2.8 13 8l-8.5 5.2z",
  plus: "M8 3v10M3 8h10",
  refresh: "M13 3v3.5H9.5M3 13V9.5h3.5M12.6 6.3A5 5 0 0 0 3.3 6.8M3.4 9.7A5 5 0 0 0 12.7 9.2",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.5 10.5 14 14",
  send: "M14 2 7 9M14 2 9.5 14 7 9 2 6.5z",
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  system: "M2 3h12v8H2zM6 14h4M8 11v3",
  tail: "M2 4h12M2 8h8M2 12h5M12 9v5M10 12l2 2 2-2",
  tombstone: "M4 14V7a4 4 0 0 1 8 0v7M2.5 14h11M8 6v5M6.3 7.8h3.4",
  trash: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5 5 13.5h6l.5-9M7 7v4M9 7v4",
};

/**
 * @param {keyof typeof PATHS} name
 * @returns {SVGElement}
 */
export function icon(name) {
  return svg("svg.icon", { viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" }, svg("path", { d: PATHS[name] }));
}
