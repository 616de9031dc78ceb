/** Sorting and filtering of tables: pure, so that node can test it. */

/** @typedef {"asc" | "desc"} Direction */
/** @typedef {{id: string, direction: Direction}} Sort */

const COLLATOR = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * Compares two values of a column. Unknown ones (`null`, `undefined`, not a number) are last in either direction.
 * @param {unknown} a
 * @param {unknown} b
 * @param {Direction} direction
 */
export function compareValues(a, b, direction) {
  const missing = Number(isMissing(a)) - Number(isMissing(b));
  if (missing !== 0) return missing;
  if (isMissing(a)) return 0;
  const order = typeof a === "string" || typeof b === "string" ? compareTexts(String(a), String(b)) : Number(a) - Number(b);
  return direction === "desc" ? -order : order;
}

function isMissing(value) {
  return value === null || value === undefined || Number.isNaN(value);
}

function compareTexts(a, b) {
  return COLLATOR.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

/**
 * The rows in order, as a new list; ties are broken by key, so that equal rows never change places.
 * @template Row
 * @param {Row[]} rows
 * @param {(row: Row) => unknown} value
 * @param {Direction} direction
 * @param {(row: Row) => string} key
 * @returns {Row[]}
 */
export function sortRows(rows, value, direction, key) {
  return [...rows].sort((a, b) => compareValues(value(a), value(b), direction) || compareTexts(key(a), key(b)));
}

/**
 * Keeps an order on screen: keys of `shown` that are still there stay in place, new ones follow in their order.
 * @param {string[]} wanted keys as they would be sorted now
 * @param {string[]} shown keys as they stand
 * @returns {string[]}
 */
export function holdOrder(wanted, shown) {
  const left = new Set(wanted);
  const kept = shown.filter((key) => left.delete(key));
  return [...kept, ...left];
}

/**
 * Reads `depth` or `-depth` (descending) from the address.
 * @param {string | null} text
 * @param {string[]} known ids of columns that can be sorted
 * @param {Sort | null} otherwise
 * @returns {Sort | null}
 */
export function parseSort(text, known, otherwise) {
  const id = (text ?? "").replace(/^-/, "");
  if (!known.includes(id)) return otherwise;
  return { id, direction: text.startsWith("-") ? "desc" : "asc" };
}

/**
 * The other way round.
 * @param {Sort} sort
 */
export function formatSort(sort) {
  return sort.direction === "desc" ? `-${sort.id}` : sort.id;
}

/**
 * Whether each word of a filter is in the text, whatever its case.
 * @param {string} filter
 * @param {string} text
 */
export function matchesFilter(filter, text) {
  const lower = text.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}
