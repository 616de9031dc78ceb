/** A JSON value as a tree whose branches open and close. Branches are built when they are opened, so depth costs nothing. */
import { h } from "../core/dom.js";
import { counted } from "../rules/format.js";
import { WrittenNumber } from "../rules/body.js";

const OPEN_DEPTH = 2;
const OPEN_ENTRIES = 20;
const ENTRIES_AT_ONCE = 100;

/**
 * @param {unknown} value as `describeBody` gives it
 * @returns {HTMLElement}
 */
export function jsonTree(value) {
  return h("div.json", part(value, null, 0));
}

function part(value, key, depth) {
  const name = key === null ? null : [h("span.json-key", key), ": "];
  const entries = entriesOf(value);
  if (!entries) return h("div.json-line", name, leaf(value));
  const size = Array.isArray(value) ? counted(entries.length, "item") : counted(entries.length, "field");
  const [left, right] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return h("div.json-line", name, left, right);
  return branch(h("summary", name, left, h("span.json-size", ` ${size} `), right), entries, depth);
}

function branch(summary, entries, depth) {
  const details = h("details.json-branch", summary);
  let built = false;
  const build = () => {
    if (built || !details.open) return;
    built = true;
    addEntries(details, entries, depth + 1);
  };
  details.addEventListener("toggle", build);
  details.open = depth < OPEN_DEPTH && entries.length <= OPEN_ENTRIES;
  build();
  return details;
}

function addEntries(details, entries, depth) {
  details.append(...entries.slice(0, ENTRIES_AT_ONCE).map(([key, value]) => part(value, key, depth)));
  const rest = entries.slice(ENTRIES_AT_ONCE);
  if (rest.length === 0) return;
  const more = h("button.button.json-more", { type: "button" }, `Show more of ${counted(rest.length, "entry", "further entries")}`);
  more.addEventListener("click", () => {
    more.remove();
    addEntries(details, rest, depth);
  });
  details.append(more);
}

function entriesOf(value) {
  if (value === null || typeof value !== "object" || value instanceof WrittenNumber) return null;
  return Object.entries(value);
}

function leaf(value) {
  if (value instanceof WrittenNumber) return h("span.json-number", value.source);
  if (typeof value === "string") return h("span.json-string", JSON.stringify(value));
  if (typeof value === "number") return h("span.json-number", String(value));
  return h("span.json-word", String(value));
}
