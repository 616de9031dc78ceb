/** The body of a table: rows kept by key, cells drawn again only when their text has changed, and as few moves as can be. */
import { h, replace, spoken } from "../core/dom.js";
import { UNKNOWN } from "../rules/format.js";

/**
 * @param {HTMLElement} body
 * @param {import("./table.js").Column<any>[]} columns
 * @param {{key: (row: any) => string, rowClass?: (row: any) => string}} options
 */
export function createRows(body, columns, { key, rowClass }) {
  /** @type {Map<string, {element: HTMLElement, cells: HTMLElement[], texts: string[]}>} */
  const known = new Map();

  const create = () => {
    const cells = columns.map(createCell);
    return { element: h("tr", { role: "row" }, cells), cells, texts: [], rowClass: "" };
  };

  const fill = (entry, row) => {
    for (const [i, column] of columns.entries()) fillCell(entry, i, column, row);
    const name = rowClass?.(row) ?? "";
    if (name !== entry.rowClass) entry.element.className = entry.rowClass = name;
  };

  return {
    /** @param {any[]} rows in order */
    draw(rows) {
      const gone = new Set(known.keys());
      const elements = rows.map((row) => {
        const id = key(row);
        gone.delete(id);
        if (!known.has(id)) known.set(id, create());
        const entry = known.get(id);
        fill(entry, row);
        return entry.element;
      });
      const lost = [...gone].map((id) => known.get(id).element).find((element) => element.contains(document.activeElement));
      const place = lost ? [...body.children].indexOf(lost) : -1;
      for (const id of gone) {
        known.get(id).element.remove();
        known.delete(id);
      }
      arrange(body, elements);
      if (lost) focusNear(body, place);
    },
  };
}

function createCell(column) {
  const classes = [column.numeric ? "numeric" : "", column.className ?? "", `column-${column.id}`].join(" ").trim();
  const properties = { class: classes, dataset: { label: column.label } };
  return column.head ? h("th", { ...properties, scope: "row", role: "rowheader" }) : h("td", { ...properties, role: "cell" });
}

function fillCell(entry, i, column, row) {
  const text = column.text(row);
  if (entry.texts[i] === text) return;
  entry.texts[i] = text;
  const cell = entry.cells[i];
  const focused = cell.contains(document.activeElement);
  cell.classList.toggle("unknown", text === UNKNOWN);
  if (column.cell) replace(cell, column.cell(row));
  else if (text === UNKNOWN) replace(cell, h("span", { "aria-hidden": "true" }, UNKNOWN), spoken("unknown"));
  else cell.textContent = text;
  if (focused) focusFirst(cell);
}

const FOCUSABLE = "a[href], button:not([disabled]), summary";

function focusFirst(element) {
  const first = element?.querySelector(FOCUSABLE);
  first?.focus({ preventScroll: true });
  return Boolean(first);
}

// The row with the focus has gone: the one that took its place gets it, or the one before, or else the page.
function focusNear(body, place) {
  const rows = body.children;
  if (focusFirst(rows[place]) || focusFirst(rows[Math.min(place, rows.length) - 1])) return;
  document.querySelector("main h1")?.focus({ preventScroll: true });
}

/**
 * Puts the elements in order. The one with the focus or the selection is not moved (that would end both): the others move around it.
 * @param {HTMLElement} body
 * @param {HTMLElement[]} elements
 */
export function arrange(body, elements) {
  const used = childInUse(body);
  const pivot = used ? elements.indexOf(used) : -1;
  let next = null;
  for (let i = elements.length - 1; i > pivot; i -= 1) {
    next = placeBefore(body, elements[i], next);
  }
  if (pivot < 0) return;
  next = elements[pivot];
  for (let i = pivot - 1; i >= 0; i -= 1) next = placeBefore(body, elements[i], next);
}

function placeBefore(body, element, next) {
  if (element.parentNode !== body || element.nextSibling !== next) body.insertBefore(element, next);
  return element;
}

function childInUse(body) {
  const selection = getSelection();
  const selected = selection && !selection.isCollapsed ? selection.anchorNode : null;
  return childHolding(body, document.activeElement) ?? childHolding(body, selected);
}

function childHolding(body, node) {
  if (node === body || !body.contains(node)) return null;
  let child = node;
  while (child.parentNode !== body) child = child.parentNode;
  return child;
}
