/**
 * Moves between the pages with the History API: links inside the base path are taken over, everything else (other sites, new tabs,
 * downloads) is left to the browser. Where a page was scrolled to is kept with its entry of the history.
 */
import { base } from "./base.js";
import { matchPath } from "../rules/routes.js";

/** @typedef {{name: string, params: Object<string, string>, first: boolean, scroll: number}} Visit */

/**
 * @param {(visit: Visit) => void} show called for the first page and for each that follows; the name is `missing` where none is
 */
export function startRouter(show) {
  history.scrollRestoration = "manual";
  document.addEventListener("click", takeOver);
  addEventListener("popstate", goBack);
  addEventListener("scrollend", keepScroll);
  listener = show;
  visit(true, history.state?.scroll ?? 0);
}

let listener = () => {};

/**
 * Goes to a page.
 * @param {string} href a link of `links`
 */
export function navigate(href) {
  keepScroll();
  if (new URL(href, location.href).href === location.href) history.replaceState({ scroll: 0 }, "");
  else history.pushState({ scroll: 0 }, "", href);
  visit(false, 0);
}

// Browsers also tell of jumps within a page, whose entries have no state.
function goBack(event) {
  if (event.state === null && location.hash) return;
  visit(false, event.state?.scroll ?? 0);
}

function visit(first, scroll) {
  const found = matchPath(location.pathname, base) ?? { name: "missing", params: {} };
  listener({ ...found, first, scroll });
}

function keepScroll() {
  history.replaceState({ ...history.state, scroll: scrollY }, "");
}

function takeOver(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.hash && link.pathname === location.pathname) return;
  if (!matchPath(link.pathname, base)) return;
  event.preventDefault();
  navigate(link.href);
}
