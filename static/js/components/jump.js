/**
 * "Jump to …": a dialog that finds topics, nodes and pages by name while one types; arrow keys choose, Enter goes there.
 *
 *   openJump();
 */
import { h, replace, uniqueId } from "../core/dom.js";
import { links } from "../core/base.js";
import { get } from "../core/api.js";
import { navigate } from "../core/router.js";
import { bestMatches } from "../rules/ranking.js";
import { openDialog } from "./dialog.js";

const SHOWN_MAX = 12;
const PAGES = ["overview", "topics", "nodes", "registries", "lookup", "counter", "audit"];

/** Opens the dialog; the names are asked for anew each time. */
export function openJump() {
  new Jump().load();
}

class Jump {
  constructor() {
    this.entries = PAGES.map((page) => ({ kind: "Page", name: page[0].toUpperCase() + page.slice(1), href: links[page]() }));
    this.chosen = 0;
    this.id = uniqueId("jump");
    this.list = h("ul.jump-list", { id: this.id, role: "listbox", "aria-label": "Places" });
    this.note = h("p.quiet.jump-note", { role: "status" });
    this.input = h("input", {
      type: "text",
      role: "combobox",
      "aria-label": "Name of a topic, node or page",
      "aria-expanded": "true",
      "aria-controls": this.id,
      placeholder: "Topic, node or page",
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
    });
    this.input.addEventListener("input", () => this.choose(0));
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.asking = new AbortController();
    this.dialog = openDialog("Jump to", { form: () => this.go(this.found[this.chosen]), onClose: () => this.asking.abort() });
    this.dialog.element.classList.add("jump");
    this.dialog.show(this.input, this.list, this.note);
    this.input.focus();
    this.choose(0);
  }

  async load() {
    const { signal } = this.asking;
    const answers = await Promise.allSettled([get("topics", {}, signal), get("nodes", {}, signal)]);
    if (signal.aborted) return;
    const [topics, nodes] = answers.map(({ value }) => value);
    for (const { topic } of topics?.topics ?? []) this.entries.push({ kind: "Topic", name: topic, href: links.topic(topic) });
    for (const { node } of nodes?.nodes ?? []) this.entries.push({ kind: "Node", name: node, href: links.node(node) });
    const failed = answers.find(({ status }) => status === "rejected");
    if (failed) this.failure = `Not every name could be asked for: ${failed.reason.message}`;
    this.choose(this.chosen);
  }

  choose(index) {
    this.found = bestMatches(this.entries, this.input.value, ({ name }) => name, SHOWN_MAX);
    this.chosen = Math.max(0, Math.min(index, this.found.length - 1));
    replace(
      this.list,
      this.found.map((entry, i) => this.option(entry, i)),
    );
    const option = this.list.children[this.chosen];
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
    else this.input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
    replace(this.note, this.failure ?? (this.found.length ? null : "Nothing of this name."));
  }

  option({ kind, name, href }, i) {
    const entry = h(
      "li.jump-option",
      { id: `${this.id}-${i}`, role: "option", "aria-selected": String(i === this.chosen) },
      h("span.name", name),
      h("span.quiet", kind),
    );
    entry.addEventListener("click", () => this.go({ href }));
    return entry;
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 6, PageUp: -6 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.choose(this.chosen + step);
  }

  // The page that is opened takes the focus, after the dialog has given it back.
  go(entry) {
    if (!entry) return;
    this.dialog.element.addEventListener("close", () => navigate(entry.href), { once: true });
    this.dialog.close();
  }
}
