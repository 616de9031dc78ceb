/**
 * Short messages that leave by themselves, read out by screen readers; bad ones stay until they are dismissed. What needs an answer
 * is no toast.
 *
 *   toast("Paused orders on 3 nodes", "good");
 */
import { h } from "../core/dom.js";
import { icon } from "./icons.js";

const SHOWN_MS = 6000;
const SHOWN_MAX = 4;
const ICONS = { good: "check", bad: "alert", note: "info" };

/**
 * @param {string} text
 * @param {"good" | "bad" | "note"} [kind]
 */
export function toast(text, kind = "note") {
  const list = document.getElementById("toasts");
  const close = h("button.icon-button", { type: "button", "aria-label": "Dismiss", onclick: () => entry.remove() }, icon("close"));
  const entry = h(`div.toast.toast-${kind}`, icon(ICONS[kind]), h("span.toast-text", text), close);
  while (list.childElementCount >= SHOWN_MAX) list.firstElementChild.remove();
  list.append(entry);
  const leave = () => setTimeout(() => (entry.matches(":hover, :focus-within") ? leave() : entry.remove()), SHOWN_MS);
  if (kind !== "bad") leave();
}
