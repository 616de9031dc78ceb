/**
 * How long messages took from publishing to being finished, per node and for all: "not measured" (the node is not told to), "no data"
 * (nothing was finished lately) and 0 are three things.
 *
 *   const latency = createLatency();
 *   latency.update(data.latency, data.nodes);
 */
import { h, replace } from "../core/dom.js";
import { links } from "../core/base.js";
import { duration, integer, isKnown, percentile } from "../rules/format.js";
import { watchOverflow } from "./overflow.js";

/** @typedef {null | {count: number, percentiles: {quantile: number, max: number | null, average: number | null}[]}} Latency */

export function createLatency() {
  const element = h("div");
  let shown = "";
  return {
    element,
    /**
     * @param {Latency} total of all nodes
     * @param {{node: string, latency: Latency}[]} nodes
     */
    update(total, nodes) {
      const next = JSON.stringify([total, nodes.map(({ node, latency }) => [node, latency])]);
      if (next === shown) return;
      shown = next;
      replace(element, total === null ? notMeasured() : table(total, nodes));
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

function table(total, nodes) {
  const quantiles = total.percentiles.map(({ quantile }) => quantile);
  const heads = ["Node", ...quantiles.map(percentile), "Finished lately"];
  const element = h(
    "table.table.table-scroll-inside",
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
      nodes.map(({ node, latency }) => nodeRow(node, latency, quantiles)),
      totalRow("All, highest", total, "max"),
      totalRow("All, average", total, "average"),
    ),
  );
  const box = h("div.table-scroll", element);
  watchOverflow(box, "End-to-end latency");
  return box;
}

function nodeRow(node, latency, quantiles) {
  const head = h("th", { scope: "row" }, h("a.name", { href: links.node(node) }, node));
  if (latency === null) return h("tr", head, h("td.quiet.numeric", { colspan: quantiles.length + 1 }, "not measured"));
  const values = quantiles.map((quantile) => latency.percentiles.find((each) => each.quantile === quantile)?.max ?? null);
  return h("tr", head, values.map(valueCell), h("td.numeric", integer(latency.count)));
}

function totalRow(label, total, key) {
  return h(
    "tr.total",
    h("th", { scope: "row" }, label),
    total.percentiles.map((each) => valueCell(each[key])),
    h("td.numeric", integer(total.count)),
  );
}

function valueCell(value) {
  return isKnown(value) ? h("td.numeric", duration(value)) : h("td.numeric.quiet", "no data");
}
