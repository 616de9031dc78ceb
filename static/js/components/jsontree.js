/** A JSON value as a tree whose branches open and close. Branches are built when they are opened, so depth costs nothing. */
import { h } from "../core/dom.js";
import { counted } from "../rules/format.js";
import { WrittenNumber } from "../rules/body.js";

const OPEN_DEPTH = 2;
const OPEN_ENTRIES = 20;
const ENTRIES_AT_ONCE = 100;
const LINE_LENGTH = 100;

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
  const [left, right] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (fitsLine(entries)) return h("div.json-line", name, left, inline(value, entries), right);
  const size = Array.isArray(value) ? counted(entries.length, "item") : counted(entries.length, "field");
  return branch(h("summary", name, left, h("span.json-size", ` ${size} `), right), entries, depth);
}

/** Whether it holds no further objects and is short. */
function fitsLine(entries) {
  let length = 0;
  for (const [key, value] of entries) {
    if (entriesOf(value)) return false;
    length += key.length + leafText(value).length + 4;
    if (length > LINE_LENGTH) return false;
  }
  return true;
}

function inline(value, entries) {
  const named = !Array.isArray(value);
  const parts = entries.map(([key, each], i) => [i ? ", " : null, named ? [h("span.json-key", key), ": "] : null, leaf(each)]);
  return parts.length ? [" ", parts, " "] : null;
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
  const kind = value instanceof WrittenNumber || typeof value === "number" ? "number" : typeof value === "string" ? "string" : "word";
  return h(`span.json-${kind}`, leafText(value));
}

function leafText(value) {
  if (value instanceof WrittenNumber) return value.source;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
