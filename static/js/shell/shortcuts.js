/**
 * Keys: `/` goes to the filter, `k` (or Ctrl+K) opens "jump to", `g` and then `o`, `t`, `n`, `r`, `l`, `c`, `a` goes to a page. None while
 * one types or a dialog is open, and none at all when the user has turned them off; that is remembered.
 */
import { openJump } from "../components/jump.js";
import { links } from "../core/base.js";
import { navigate } from "../core/router.js";

const PAGES = { o: "overview", t: "topics", n: "nodes", r: "registries", l: "lookup", c: "counter", a: "audit" };
const SECOND_KEY_MS = 1500;
const STORED = "nsqadmin.keys";
let on = read();

/** Whether the keys do anything. */
export function keysAreOn() {
  return on;
}

/** @param {boolean} wanted */
export function setKeys(wanted) {
  on = wanted;
  try {
    if (wanted) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, "off");
  } catch {
    // Storage may be forbidden; the choice then holds until the page is left.
  }
}

function read() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

/** Listens from now on. */
export function startShortcuts() {
  let goUntil = 0;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || isBusy(event.target)) return;
    if (event.ctrlKey || event.metaKey) return withControl(event);
    if (!on) return;
    if (event.timeStamp < goUntil && PAGES[event.key]) navigate(links[PAGES[event.key]]());
    else if (event.key === "/") focusFilter(event);
    else if (event.key === "k") jump(event);
    goUntil = event.key === "g" ? event.timeStamp + SECOND_KEY_MS : 0;
  });
}

function isBusy(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
}

function withControl(event) {
  if (event.key === "k" && !event.shiftKey) jump(event);
}

function jump(event) {
  event.preventDefault();
  openJump();
}

function focusFilter(event) {
  const filter = document.querySelector("#main input[type=search]");
  if (!filter) return;
  event.preventDefault();
  filter.focus();
  filter.select();
}
