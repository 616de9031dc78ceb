/** What to listen for: part of the body, one node or all, a share of the messages, and when to stop. */
import { h, replace } from "../core/dom.js";
import { field } from "./field.js";
import { icon } from "./icons.js";

const SAMPLE_MAX = 100;
const PEEK_MAX = 1000;
const PEEK_USUAL = 10;

/**
 * @param {import("../core/query.js").Query} query where the choices are kept
 * @param {{onStart: (wish: {sample: number, node: string | null, limit: number | null, filter: string}) => void, onStop: () => void}} listeners
 */
export function createTailForm(query, { onStart, onStop }) {
  const filter = h("input", { type: "search", value: query.get("filter") ?? "", maxlength: 1000, placeholder: "any text", spellcheck: "false" });
  const node = createNodes(query.get("node"));
  const sample = number(query.get("sample"), SAMPLE_MAX, SAMPLE_MAX);
  const limit = number(query.get("limit"), PEEK_USUAL, PEEK_MAX);
  const peek = h("input", { type: "checkbox", checked: query.get("limit") !== null });
  const start = h("button.button.button-main", { type: "submit" }, icon("play"), "Start");
  const stop = h("button.button", { type: "button", hidden: true, onclick: onStop }, icon("pause"), "Stop");
  const form = h(
    "form.tail-form",
    { "aria-label": "What to listen for", novalidate: false },
    field("Body contains", filter),
    field("Node", node.element),
    field("Share, %", sample),
    h("div.field.tail-peek", h("label.check", peek, " stop after"), h("label", limit, h("span.spoken", "number of messages to stop after"), " messages")),
    h("div.tail-buttons", start, stop),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wish = { sample: Number(sample.value), node: node.chosen(), limit: peek.checked ? Number(limit.value) : null, filter: filter.value };
    remember(query, wish);
    onStart(wish);
  });
  return {
    element: form,
    setNodes: node.set,
    /** @param {boolean} running */
    setRunning(running) {
      const focused = document.activeElement === start || document.activeElement === stop;
      stop.hidden = !running;
      start.hidden = running;
      if (focused) (running ? stop : start).focus();
    },
  };
}

function number(text, usual, max) {
  const value = /^\d{1,4}$/.test(text ?? "") ? Math.min(max, Math.max(1, Number(text))) : usual;
  return h("input.number", { type: "number", min: 1, max, step: 1, required: true, value });
}

/** All nodes, or one of those that have the topic. */
function createNodes(first) {
  const element = h("select");
  let known = [];
  const draw = () => {
    const chosen = element.value || first || "";
    const names = chosen && !known.includes(chosen) ? [...known, chosen] : known;
    replace(element, h("option", { value: "" }, "all"), names.map((name) => h("option", { value: name, selected: name === chosen }, name)));
  };
  draw();
  return {
    element,
    chosen: () => element.value || null,
    set(names) {
      if (names.join() === known.join()) return;
      known = names;
      draw();
    },
  };
}

function remember(query, { sample, node, limit, filter }) {
  query.set("filter", filter || null);
  query.set("node", node);
  query.set("sample", sample === SAMPLE_MAX ? null : String(sample));
  query.set("limit", limit === null ? null : String(limit));
}
