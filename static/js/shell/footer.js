/** The foot of each page: version, mode, who one is, and where to read more. */
import { h, replace } from "../core/dom.js";
import { counted } from "../rules/format.js";

/**
 * @param {HTMLElement} element
 * @param {import("../core/session.js").Session} session
 */
export function createFooter(element, session) {
  const source = session.mode === "lookupd" ? counted(session.lookupds.length, "nsqlookupd", "nsqlookupd") : counted(session.nsqds.length, "nsqd", "nsqd");
  const rights = session.is_admin ? "may change things" : "read only";
  replace(
    element,
    h("span", `nsqadmin ${session.version}`),
    h("span", { title: (session.mode === "lookupd" ? session.lookupds : session.nsqds).join(", ") }, `asks ${source}`),
    h("span", session.user ? `${session.user}: ${rights}` : rights),
    h("span.footer-keys", h("kbd", "/"), " filter · ", h("kbd", "g"), " then ", h("kbd", "o"), " ", h("kbd", "t"), " ", h("kbd", "n"), " ", h("kbd", "r"), " go to"),
    h("a", { href: "https://nsq.io/components/nsqadmin.html", rel: "noreferrer" }, "Documentation"),
  );
}
