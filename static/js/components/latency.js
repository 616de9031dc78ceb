/**
 * How long messages took from publishing to being finished, per node and for all: "not measured" (the node is not told to), "no data"
 * (nothing was finished lately) and 0 are three things.
 *
 *   const latency = createLatency();
 *   latency.update(data.latency, data.nodes);
 */
import { h, replace, setText } from "../core/dom.js";
import { links } from "../core/base.js";
import { duration, integer, isKnown, percentile } from "../rules/format.js";
import { watchOverflow } from "./overflow.js";

/** @typedef {null | {count: number, percentiles: {quantile: number, max: number | null, average: number | null}[]}} Latency */

const NO_DATA = "no data";

export function createLatency() {
  const element = h("div");
  let shown = "";
  let cells = [];
  return {
    element,
    /**
     * The table stays, with the focus and its scrolling, as long as there are the same nodes and quantiles.
     * @param {Latency} total of all nodes
     * @param {{node: string, latency: Latency}[]} nodes
     */
    update(total, nodes) {
      const quantiles = total?.percentiles.map(({ quantile }) => quantile) ?? null;
      const next = JSON.stringify([quantiles, nodes.map(({ node, latency }) => [node, latency === null])]);
      const rows = total === null ? [] : [...nodes.map((each) => nodeRow(each, quantiles)), ...totalRows(total)];
      if (next !== shown) {
        shown = next;
        cells = rows.map(({ texts }) => texts.map(() => h("td.numeric")));
        replace(element, total === null ? notMeasured() : table(quantiles, rows, cells));
      }
      fill(cells, rows);
    },
  };
}

function notMeasured() {
  return h(
    "p.quiet",
    "The nodes do not measure it: nsqd does with ",
    h("code.nowrap", "--e2e-processing-latency-percentile"),
    ", e.g. 0.99,0.95.",
  );
}

function nodeRow({ node, latency }, quantiles) {
  const head = () => h("a.name", { href: links.node(node) }, node);
  if (latency === null) return { head, texts: [], isMeasured: false };
  const values = quantiles.map((quantile) => latency.percentiles.find((each) => each.quantile === quantile)?.max ?? null);
  return { head, texts: [...values.map(valueText), integer(latency.count)], isMeasured: true };
}

function totalRows({ percentiles, count }) {
  const row = (label, key) => ({
    head: () => label,
    texts: [...percentiles.map((each) => valueText(each[key])), integer(count)],
    isMeasured: true,
    className: "total",
  });
  return [row("All, highest", "max"), row("All, average", "average")];
}

function valueText(value) {
  return isKnown(value) ? duration(value) : NO_DATA;
}

function table(quantiles, rows, cells) {
  const heads = ["Node", ...quantiles.map(percentile), "Finished lately"];
  const element = h(
    "table.table",
    h("caption.spoken", "End-to-end latency"),
    h(
      "thead",
      h(
        "tr",
        heads.map((text, i) => h("th", { scope: "col", class: i ? "numeric" : null }, text)),
      ),
    ),
    h(
      "tbody",
      rows.map((row, i) => line(row, cells[i], quantiles.length + 1)),
    ),
  );
  const box = h("div.table-scroll", element);
  watchOverflow(box, "End-to-end latency");
  return box;
}

function line({ head, isMeasured, className }, cells, width) {
  const values = isMeasured ? cells : h("td.quiet.numeric", { colspan: width }, "not measured");
  return h("tr", { class: className }, h("th", { scope: "row" }, head()), values);
}

function fill(cells, rows) {
  for (const [i, { texts }] of rows.entries()) {
    for (const [k, text] of texts.entries()) {
      setText(cells[i][k], text);
      cells[i][k].classList.toggle("quiet", text === NO_DATA);
    }
  }
}
