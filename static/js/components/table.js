/**
 * A table whose rows stay themselves while the data change every two seconds: rows are kept by key and only cells that differ are
 * drawn again, so focus, selection and scrolling survive. Sorting, filter and chosen condition are kept in the address.
 * While the pointer or the focus is in the body, rows do not change places (nothing jumps away under a click).
 *
 *   const table = createTable({
 *     name: "topics",                        // prefix of its keys in the address; "" for the main table of a page
 *     caption: "Topics",                     // read by screen readers; not shown
 *     query: context.query,
 *     key: (row) => row.topic,
 *     columns: [
 *       { id: "topic", label: "Topic", text: (row) => row.topic, cell: (row) => h("a", { href: links.topic(row.topic) }, row.topic), head: true },
 *       { id: "depth", label: "Depth", text: (row) => integer(row.counts.depth), value: (row) => row.counts.depth, numeric: true },
 *     ],
 *     sort: { id: "topic", direction: "asc" },
 *     filter: "Filter by name",              // label of the filter; left out: no filter
 *     searched: (row) => row.topic,          // text the filter looks at
 *     conditions: [{ id: "paused", label: "Paused", test: (row) => row.paused !== "no" }],
 *     empty: () => emptyState("No topics yet"),
 *   });
 *   table.update(rows);
 */
import { h, replace, setText } from "../core/dom.js";
import { counted, integer } from "../rules/format.js";
import { formatSort, holdOrder, matchesFilter, parseSort, sortRows } from "../rules/sorting.js";
import { createRows } from "./tablerows.js";
import { createTools } from "./tabletools.js";
import { watchOverflow } from "./overflow.js";

/** Rows drawn at first; more on demand. */
const SHOWN_STEP = 200;

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} id
 * @property {string} label may be empty for a column of buttons
 * @property {(row: Row) => string} text what the cell shows; it is drawn again when this changes
 * @property {(row: Row) => import("../core/dom.js").Child} [cell] richer content, else the text
 * @property {(row: Row) => unknown} [value] what it is sorted by, `null` when unknown; left out: the text
 * @property {boolean} [sortable] default true
 * @property {boolean} [numeric] to the right, and sorted from high to low first
 * @property {{asc: string, desc: string}} [orders] what its two orders are called on narrow screens, where "A to Z" does not fit
 * @property {boolean} [head] names the row
 * @property {string} [title] a longer explanation of the label
 * @property {string} [className] for all its cells
 */

/**
 * @template Row
 * @param {object} options as shown above
 */
export function createTable(options) {
  return new Table(options);
}

class Table {
  constructor(options) {
    this.options = { name: "", conditions: [], ...options };
    this.rows = [];
    this.limit = SHOWN_STEP;
    this.shownKeys = [];
    this.readQuery();
    this.build();
  }

  readQuery() {
    const sortable = this.options.columns.filter((column) => column.sortable !== false).map((column) => column.id);
    this.sort = parseSort(this.read("sort"), sortable, this.options.sort ?? null);
    this.filter = this.read("filter") ?? "";
    this.condition = this.read("show") ?? "";
  }

  read(key) {
    return this.options.query?.get(this.prefixed(key)) ?? null;
  }

  write(key, value) {
    this.options.query?.set(this.prefixed(key), value);
  }

  prefixed(key) {
    return this.options.name ? `${this.options.name}.${key}` : key;
  }

  build() {
    const { caption, columns, rowClass, key } = this.options;
    this.heads = new Map();
    this.body = h("tbody", { role: "rowgroup" });
    this.rowView = createRows(this.body, columns, { key, rowClass });
    const table = h(
      "table.table.table-cards",
      { role: "table" },
      h("caption.spoken", caption),
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          columns.map((column) => this.headCell(column)),
        ),
      ),
      this.body,
    );
    this.scroller = h("div.table-scroll", table);
    watchOverflow(this.scroller, caption);
    this.note = h("p.table-note.quiet", { role: "status" });
    this.more = h("button.button.table-more", { type: "button", hidden: true, onclick: () => this.showMore() });
    this.vacant = h("div.table-empty", { hidden: true });
    this.tools = createTools(this.options, this, (change) => this.choose(change));
    this.element = h("div.table-block", this.tools.element, this.scroller, this.vacant, this.more, this.note);
    // The order that was held while one was inside is made good when one leaves.
    this.body.addEventListener("pointerleave", () => this.draw());
    this.body.addEventListener("focusout", () => queueMicrotask(() => this.draw()));
  }

  headCell(column) {
    const classes = [column.numeric ? "numeric" : "", column.className ?? ""].join(" ").trim();
    if (column.label === "")
      return h("th", { scope: "col", role: "columnheader", class: classes }, h("span.spoken", column.title ?? "Actions"));
    const label =
      column.sortable === false
        ? column.label
        : h(
            "button.sort",
            { type: "button", title: column.title, onclick: () => this.toggleSort(column) },
            column.label,
            h("span.sort-mark", { "aria-hidden": "true" }),
          );
    const cell = h(
      "th",
      { scope: "col", role: "columnheader", class: classes, title: column.sortable === false ? column.title : null },
      label,
    );
    this.heads.set(column.id, cell);
    return cell;
  }

  toggleSort(column) {
    const first = column.numeric ? "desc" : "asc";
    const other = first === "asc" ? "desc" : "asc";
    const direction = this.sort?.id === column.id && this.sort.direction === first ? other : first;
    this.choose({ sort: { id: column.id, direction } });
  }

  /** What the user has chosen, by the heads or the tools above the table. */
  choose({ sort, filter, condition }) {
    if (sort) this.write("sort", formatSort((this.sort = sort)));
    if (filter !== undefined) this.write("filter", (this.filter = filter));
    if (condition !== undefined) this.write("show", (this.condition = condition));
    this.limit = SHOWN_STEP;
    this.draw(true);
  }

  showMore() {
    this.limit += SHOWN_STEP;
    this.draw(true);
  }

  /**
   * Shows these rows from now on.
   * @param {any[]} rows
   */
  update(rows) {
    this.rows = rows;
    this.draw();
  }

  draw(byUser = false) {
    const wanted = this.ordered();
    const { key } = this.options;
    const rowsByKey = new Map(wanted.map((row) => [key(row), row]));
    const held = !byUser && this.isHeld() ? holdOrder([...rowsByKey.keys()], this.shownKeys) : [...rowsByKey.keys()];
    this.shownKeys = held.slice(0, this.limit);
    this.rowView.draw(this.shownKeys.map((each) => rowsByKey.get(each)));
    this.drawHeads();
    this.drawNotes(wanted.length, byUser);
    this.tools.draw(this);
  }

  ordered() {
    const { searched, conditions, columns, key } = this.options;
    const condition = conditions.find((each) => each.id === this.condition);
    const rows = this.rows.filter(
      (row) => (!condition || condition.test(row)) && (!this.filter || matchesFilter(this.filter, searched(row))),
    );
    const column = columns.find((each) => each.id === this.sort?.id);
    return column ? sortRows(rows, column.value ?? column.text, this.sort.direction, key) : rows;
  }

  isHeld() {
    const pointed = matchMedia("(hover: hover)").matches && this.body.matches(":hover");
    return pointed || this.body.contains(document.activeElement);
  }

  drawHeads() {
    for (const [id, cell] of this.heads) {
      const order = this.sort?.id === id ? (this.sort.direction === "asc" ? "ascending" : "descending") : null;
      if (order) cell.setAttribute("aria-sort", order);
      else cell.removeAttribute("aria-sort");
    }
  }

  // Screen readers say what came of a choice, and not each change of the data.
  drawNotes(found, byUser) {
    const total = this.rows.length;
    const filtered = this.filter !== "" || this.condition !== "";
    const text = filtered ? `${integer(found)} of ${counted(total, "row")}` : "";
    if (text !== this.note.textContent) this.note.setAttribute("aria-live", byUser ? "polite" : "off");
    setText(this.note, text);
    this.note.hidden = !filtered;
    this.tools.element.hidden = total === 0;
    this.more.hidden = found <= this.limit;
    setText(this.more, `Show ${Math.min(SHOWN_STEP, found - this.limit)} more of ${integer(found)}`);
    this.scroller.hidden = found === 0;
    this.vacant.hidden = found > 0;
    this.drawVacant(found, total);
  }

  drawVacant(found, total) {
    const kind = found > 0 ? "" : total > 0 ? "filtered" : "none";
    if (kind === this.vacantKind) return;
    this.vacantKind = kind;
    if (kind === "none") replace(this.vacant, this.options.empty?.() ?? h("p.quiet", "Nothing here."));
    if (kind === "filtered") replace(this.vacant, this.nothingFound());
  }

  nothingFound() {
    const clear = () => this.choose({ filter: "", condition: "" });
    return h("p.state.state-empty", "Nothing matches. ", h("button.button", { type: "button", onclick: clear }, "Show all"));
  }
}
