/** The foot of each page: version, mode, who one is, and where to read more. */
import { h, replace } from "../core/dom.js";
import { keysAreOn, setKeys } from "./shortcuts.js";
import { counted } from "../rules/format.js";

/**
 * @param {HTMLElement} element
 * @param {import("../core/session.js").Session} session
 */
export function createFooter(element, session) {
  const source =
    session.mode === "lookupd"
      ? counted(session.lookupds.length, "nsqlookupd", "nsqlookupd")
      : counted(session.nsqds.length, "nsqd", "nsqd");
  const rights = session.is_admin ? "may change things" : "read only";
  replace(
    element,
    h("span", `nsqadmin ${session.version}`),
    h("span", { title: (session.mode === "lookupd" ? session.lookupds : session.nsqds).join(", ") }, `asks ${source}`),
    h("span", session.user ? `${session.user}: ${rights}` : rights),
    keys(),
    h("a", { href: "https://nsq.io/components/nsqadmin.html", rel: "noreferrer" }, "Documentation"),
  );
}

// Keys without Ctrl or Alt can get in the way of speech input, so they can be turned off.
function keys() {
  const box = h("input", { type: "checkbox", checked: keysAreOn() });
  box.addEventListener("change", () => setKeys(box.checked));
  const press = (key) => [h("kbd", key), " "];
  return h(
    "label.footer-keys",
    box,
    " Keys: ",
    press("/"),
    "filter, ",
    press("k"),
    "jump, ",
    press("g"),
    "then ",
    ["o", "t", "n", "r", "l", "c", "a"].map(press),
    "go to a page",
  );
}
