/**
 * The table of a topic's channels (CHANNEL_ROW).
 *
 *   const channels = channelTable(context.query);
 *   channels.update(data.channels);
 */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { integer, rate } from "../rules/format.js";
import { stateBadges, stateText } from "./badge.js";
import { emptyState } from "./states.js";
import { createTable } from "./table.js";
import { count, drainColumn, topicRowClass, trendColumn } from "./topiccolumns.js";

/** @param {import("../core/query.js").Query} query */
export function channelTable(query) {
  return createTable({
    name: "channels",
    caption: "Channels",
    query,
    key: (row) => row.channel,
    columns: columns(),
    sort: { id: "channel", direction: "asc" },
    rowClass: topicRowClass,
    empty: () =>
      emptyState(
        "No channel yet",
        "Messages wait in the topic until the first consumer subscribes and so makes a channel. That channel gets all of them.",
      ),
  });
}

function columns() {
  return [
    {
      id: "channel",
      label: "Channel",
      head: true,
      value: (row) => row.channel,
      text: (row) => `${row.channel} ${stateText(row)}`,
      cell: (row) => [h("a.name", { href: links.channel(row.topic, row.channel) }, row.channel), stateBadges(row)],
    },
    trendColumn("spark", "Depth, lately", "depth"),
    count("depth", "Depth", (row) => row.counts.depth, integer, "Messages that wait"),
    drainColumn(),
    count("out", "Out", (row) => row.counts.out_rate, rate, "Messages delivered and finished per second"),
    count("in-flight", "In flight", (row) => row.counts.in_flight, integer, "Messages that clients have now"),
    count("deferred", "Deferred", (row) => row.counts.deferred, integer, "Messages that wait for their time"),
    count("requeued", "Requeued", (row) => row.counts.requeues, integer),
    count("timed-out", "Timed out", (row) => row.counts.timeouts, integer),
    count("messages", "Messages", (row) => row.counts.messages, integer),
    count("clients", "Clients", (row) => row.client_count, integer),
  ];
}
