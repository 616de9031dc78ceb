/** What a node holds: a row for each topic, and below it one for each of its channels. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { integer, rate } from "../rules/format.js";
import { openAction } from "./actiondialog.js";
import { badge } from "./badge.js";
import { icon } from "./icons.js";
import { emptyState } from "./states.js";
import { createTable } from "./table.js";
import { count } from "./topiccolumns.js";

/**
 * The rows of the table.
 * @param {any[]} topics of the view of a node
 */
export function holdingsOf(topics) {
  return topics.flatMap(({ channels, ...topic }) => [
    { ...topic, channel: null, client_count: topic.counts.clients },
    ...channels.map((channel) => ({ topic: topic.topic, ...channel })),
  ]);
}

/**
 * @param {import("../core/query.js").Query} query
 * @param {string} node its address
 * @param {import("../core/session.js").Session} session
 */
export function holdingsTable(query, node, session) {
  const removable = session.is_admin && session.mode === "lookupd";
  return createTable({
    name: "topics",
    caption: "Topics and channels",
    query,
    key: nameOf,
    columns: [...columns(), ...(removable ? [removeColumn(node)] : [])],
    sort: { id: "name", direction: "asc" },
    filter: "Filter by topic or channel",
    searched: nameOf,
    conditions: [
      { id: "topics", label: "Topics", test: (row) => row.channel === null },
      { id: "channels", label: "Channels", test: (row) => row.channel !== null },
      { id: "paused", label: "Paused", test: (row) => row.paused },
    ],
    empty: () => emptyState("No topics", "This node holds no topic now. The first message or consumer makes one."),
  });
}

function nameOf({ topic, channel }) {
  return channel === null ? topic : `${topic}/${channel}`;
}

function columns() {
  return [
    { id: "name", label: "Topic, channel", head: true, value: nameOf, text: (row) => `${nameOf(row)} ${row.paused}`, cell: nameCell },
    count("in", "In", (row) => row.counts.in_rate, rate, "Messages that come in per second"),
    count("out", "Out", (row) => row.counts.out_rate, rate, "Messages delivered and finished per second"),
    count("depth", "Depth", (row) => row.counts.depth, integer, "Messages that wait"),
    count("disk", "Disk", (row) => row.counts.backend_depth, integer, "Messages that wait on disk"),
    count("in-flight", "In flight", (row) => row.counts.in_flight, integer),
    count("deferred", "Deferred", (row) => row.counts.deferred, integer),
    count("requeued", "Requeued", (row) => row.counts.requeues, integer),
    count("timed-out", "Timed out", (row) => row.counts.timeouts, integer),
    count("messages", "Messages", (row) => row.counts.messages, integer, "Since the node has started"),
    count("clients", "Clients", (row) => row.client_count, integer),
  ];
}

function nameCell({ topic, channel, paused }) {
  const label = paused ? badge("paused", "warning") : null;
  if (channel === null) return [h("a.name", { href: links.topic(topic) }, topic), label];
  const link = h("a.name", { href: links.channel(topic, channel), "aria-label": `${topic}/${channel}` }, channel);
  return [h("span.of-topic.name", topic, "/"), link, label];
}

function removeColumn(node) {
  const cell = ({ topic, channel }) => {
    if (channel !== null) return null;
    const open = () => openAction("tombstone_topic_producer", { topic, node });
    return h("button.button.button-danger.button-small", { type: "button", onclick: open, "aria-label": `Remove ${topic} from ${node}` }, icon("tombstone"), "Remove");
  };
  return { id: "remove", label: "", sortable: false, className: "numeric wide", text: (row) => nameOf(row), cell };
}
