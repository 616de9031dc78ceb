/** The columns of tables of topics, for the overview and the list. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { drainSeconds, drainText } from "../rules/draining.js";
import { integer, rate } from "../rules/format.js";
import { stateBadges, stateText } from "./badge.js";
import { sparkline } from "./sparkline.js";

/** @returns {import("./table.js").Column<any>[]} */
export function topicColumns() {
  return [
    {
      id: "topic",
      label: "Topic",
      head: true,
      text: (row) => `${row.topic} ${stateText(row)}`,
      value: (row) => row.topic,
      cell: (row) => [h("a.name", { href: links.topic(row.topic) }, row.topic), stateBadges(row)],
    },
    trendColumn("spark", "In, lately", "in"),
    count("in", "In", (row) => row.counts.in_rate, rate, "Messages published per second"),
    count("out", "Out", (row) => row.counts.out_rate, rate, "Messages delivered and finished per second, all channels together"),
    count("depth", "Depth", (row) => row.counts.depth, integer, "Messages that wait, in the topic and its channels"),
    count("in-flight", "In flight", (row) => row.counts.in_flight, integer),
    drainColumn(),
    count("channels", "Channels", (row) => row.channel_count, integer),
    count("clients", "Clients", (row) => row.client_count, integer),
    count("nodes", "Nodes", (row) => row.node_count, integer),
  ];
}

/**
 * A numeric column.
 * @param {string} id
 * @param {string} label
 * @param {(row: any) => number | null} value
 * @param {(value: number | null) => string} format
 * @param {string} [title]
 * @returns {import("./table.js").Column<any>}
 */
export function count(id, label, value, format, title) {
  return { id, label, title, numeric: true, value, text: (row) => format(value(row)) };
}

/**
 * When the backlog will be gone.
 * @returns {import("./table.js").Column<any>}
 */
export function drainColumn() {
  const title = "Until the deepest backlog is gone at the present rate; ∞ where it does not shrink";
  return { id: "drain", label: "Drained in", title, numeric: true, value: drainSeconds, text: drainText };
}

/**
 * A sparkline; it is drawn again with each poll.
 * @param {string} id
 * @param {string} label
 * @param {"in" | "depth"} kind
 * @returns {import("./table.js").Column<any>}
 */
export function trendColumn(id, label, kind) {
  return {
    id,
    label,
    sortable: false,
    className: "trend",
    text: (row) => row.spark.join(),
    cell: (row) => sparkline(row.spark, kind),
  };
}

/** @param {{worst: string | null}} row */
export function topicRowClass(row) {
  return { critical: "alarmed", warning: "warned" }[row.worst] ?? "";
}
