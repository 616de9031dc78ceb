/** Keys: `/` goes to the filter; `g` and then `o`, `t`, `n`, `r`, `l`, `c`, `a` to a page. None while one types or a dialog is open. */
import { links } from "../core/base.js";
import { navigate } from "../core/router.js";

const PAGES = { o: "overview", t: "topics", n: "nodes", r: "registries", l: "lookup", c: "counter", a: "audit" };
const SECOND_KEY_MS = 1500;

/** Listens from now on. */
export function startShortcuts() {
  let goUntil = 0;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isBusy(event.target)) return;
    if (event.timeStamp < goUntil && PAGES[event.key]) navigate(links[PAGES[event.key]]());
    else if (event.key === "/") focusFilter(event);
    goUntil = event.key === "g" ? event.timeStamp + SECOND_KEY_MS : 0;
  });
}

function isBusy(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
}

function focusFilter(event) {
  const filter = document.querySelector("#main input[type=search]");
  if (!filter) return;
  event.preventDefault();
  filter.focus();
  filter.select();
}
