/**
 * Nodes × channels of a topic: where messages wait and where nobody fetches them, at a glance. The measure is chosen above it and kept
 * in the address. Cells are changed in place while nodes and channels stay the same.
 *
 *   const matrix = createMatrix(context.query);
 *   matrix.update(data.nodes, data.channels, "orders");
 */
import { h, replace, setText } from "../core/dom.js";
import { links } from "../core/base.js";
import { counted, integer, isKnown, rate, UNKNOWN } from "../rules/format.js";
import { busiest, matrixCell } from "../rules/matrix.js";
import { silenceBadge } from "./badge.js";
import { watchOverflow } from "./overflow.js";

const MEASURES = [
  { id: "depth", label: "Depth", value: (counts) => counts.depth, format: integer },
  { id: "in_flight", label: "In flight", value: (counts) => counts.in_flight, format: integer },
  { id: "deferred", label: "Deferred", value: (counts) => counts.deferred, format: integer },
  { id: "clients", label: "Clients", value: (counts) => counts.clients, format: integer },
  { id: "out_rate", label: "Out", value: (counts) => counts.out_rate, format: rate },
];
const CHANNELS_MAX = 30;
const NODES_MAX = 100;

/** @param {import("../core/query.js").Query} query */
export function createMatrix(query) {
  return new Matrix(query);
}

class Matrix {
  constructor(query) {
    this.query = query;
    this.measure = MEASURES.find(({ id }) => id === query.get("matrix")) ?? MEASURES[0];
    this.buttons = MEASURES.map((measure) => h("button.switch", { type: "button", onclick: () => this.choose(measure) }, measure.label));
    this.box = h("div.table-scroll", h("table.table.matrix"));
    this.note = h("p.table-note.quiet");
    watchOverflow(this.box, "Nodes and channels");
    this.element = h(
      "div.table-block",
      h("div.tools", h("div.switches", { role: "group", "aria-label": "What the cells show" }, this.buttons)),
      this.box,
      this.note,
    );
    this.frame = "";
  }

  choose(measure) {
    this.measure = measure;
    this.query.set("matrix", measure === MEASURES[0] ? null : measure.id);
    this.draw();
  }

  /**
   * @param {any[]} nodes of the view of a topic
   * @param {any[]} channels CHANNEL_ROWs
   * @param {string} topic
   */
  update(nodes, channels, topic) {
    this.data = { nodes, channels, topic };
    this.draw();
  }

  draw() {
    const { nodes, channels, topic } = this.data;
    const rows = busiest(
      nodes,
      ({ counts }) => counts.depth,
      NODES_MAX,
      ({ node }) => node,
    );
    const columns = busiest(
      channels,
      ({ counts }) => counts.depth,
      CHANNELS_MAX,
      ({ channel }) => channel,
    );
    this.drawFrame(rows, columns, topic);
    this.drawCells(rows, columns);
    for (const [i, measure] of MEASURES.entries()) this.buttons[i].setAttribute("aria-pressed", String(measure === this.measure));
    setText(this.note, leftOut(nodes.length - rows.length, channels.length - columns.length));
  }

  drawFrame(rows, columns, topic) {
    const names = columns.map(({ channel }) => channel);
    const frame = JSON.stringify([rows.map(({ node, since }) => [node, since]), names]);
    if (frame === this.frame) return;
    this.frame = frame;
    this.cells = rows.map(() => columns.map(() => h("td.numeric.matrix-cell")));
    this.sums = columns.map(() => h("td.numeric"));
    const head = h(
      "tr",
      h("th", { scope: "col" }, "Node"),
      names.map((name) => h("th.numeric", { scope: "col" }, h("a.name", { href: links.channel(topic, name), title: name }, name))),
    );
    const body = rows.map((row, i) =>
      h("tr", h("th", { scope: "row" }, h("a.name", { href: links.node(row.node) }, row.node), silenceBadge(row)), this.cells[i]),
    );
    const sums = h("tr.total", h("th", { scope: "row" }, "All"), this.sums);
    replace(this.box.firstElementChild, h("caption.spoken", "Nodes and channels"), h("thead", head), h("tbody", body, sums));
  }

  drawCells(rows, columns) {
    const { value, format } = this.measure;
    const cells = rows.map((node) => columns.map(({ channel }) => matrixCell(node, channel, value)));
    const highest = Math.max(0, ...cells.flat().map((cell) => cell.value ?? 0));
    for (const [i, row] of cells.entries()) {
      for (const [k, cell] of row.entries()) drawCell(this.cells[i][k], cell, highest, format);
    }
    for (const [k, { counts }] of columns.entries()) setText(this.sums[k], format(value(counts)));
  }
}

function drawCell(element, cell, highest, format) {
  const note = cell.missing ? "not here" : [cell.paused ? "paused" : "", cell.abandoned ? "no client" : ""].filter(Boolean).join(", ");
  const text = cell.missing ? UNKNOWN : format(cell.value);
  const next = `${text}|${note}`;
  const share = isKnown(cell.value) && highest > 0 ? cell.value / highest : 0;
  element.style.setProperty("--share", `${Math.round(share * 55)}%`);
  if (element.dataset.shown === next) return;
  element.dataset.shown = next;
  element.classList.toggle("unknown", cell.missing || text === UNKNOWN);
  element.classList.toggle("abandoned", cell.abandoned);
  replace(element, h("span", text), note ? h("span.matrix-note", note) : null);
}

function leftOut(nodes, channels) {
  const parts = [nodes > 0 ? counted(nodes, "node") : "", channels > 0 ? counted(channels, "channel") : ""].filter(Boolean);
  return parts.length ? `Only the deepest are shown; ${parts.join(" and ")} with less depth are left out.` : "";
}
