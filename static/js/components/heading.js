/**
 * The head of a page: where one is, the title, badges, and the buttons for what can be done.
 *
 *   const heading = createHeading({ crumbs: [["Topics", links.topics()]], title: "orders", kind: "Topic", code: true });
 *   heading.setBadges(badge("paused", "warning"));
 *   heading.setActions(button);
 */
import { h, replace } from "../core/dom.js";
import { icon } from "./icons.js";
import { toast } from "./toast.js";

/**
 * @param {object} options
 * @param {[string, string][]} [options.crumbs] texts and links of the pages above
 * @param {string} options.title
 * @param {string} [options.kind] e.g. "Topic", said before the title
 * @param {boolean} [options.code] the title is a name that one may want to copy
 * @param {string} [options.lead] a sentence below
 */
export function createHeading({ crumbs = [], title, kind, code, lead }) {
  const badges = h("span.badges");
  const actions = h("div.heading-actions");
  const name = h("h1", { tabindex: "-1" }, kind ? h("span.kind", kind, " ") : null, h(code ? "span.name" : "span", title));
  const element = h(
    "div.heading",
    crumbs.length ? trail(crumbs) : null,
    h("div.heading-row", h("div.heading-title", name, code ? copyButton(title) : null, badges), actions),
    lead ? h("p.lead", lead) : null,
  );
  return {
    element,
    /** @param {...import("../core/dom.js").Child} children */
    setBadges: (...children) => replace(badges, ...children),
    /** @param {...import("../core/dom.js").Child} children */
    setActions: (...children) => replace(actions, ...children),
  };
}

function trail(crumbs) {
  const entries = crumbs.map(([text, href]) => h("li", h("a", { href }, text), icon("chevron")));
  return h("nav.crumbs", { "aria-label": "Breadcrumb" }, h("ol", entries));
}

function copyButton(text) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied", "good");
    } catch {
      toast("The browser does not let pages on plain HTTP copy; select the name instead.", "note");
    }
  };
  return h(
    "button.icon-button.copy",
    { type: "button", "aria-label": `Copy ${text}`, title: "Copy the name", onclick: copy },
    icon("copy"),
  );
}
