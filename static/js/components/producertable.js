/** A table of connections that publish to a node. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { dateTime, integer, isKnown, span, UNKNOWN } from "../rules/format.js";
import { emptyState } from "./states.js";
import { createTable } from "./table.js";

const TOPICS_SHOWN = 10;

/** @param {import("../core/query.js").Query} query */
export function producerTable(query) {
  let now = 0;
  const table = createTable({
    name: "producers",
    caption: "Producers",
    query,
    key: (row) => row.remote_address,
    columns: columns(() => now),
    sort: { id: "messages", direction: "desc" },
    filter: "Filter by client, host, address or topic",
    searched: (row) => [nameOf(row), row.hostname, row.remote_address, row.user_agent, ...row.counts.map(({ topic }) => topic)].join(" "),
    empty: () => emptyState("No connection has published here", "Messages that come over HTTP are not counted by connection."),
  });
  return {
    element: table.element,
    /**
     * @param {any[]} producers
     * @param {number} serverNow ms
     */
    update(producers, serverNow) {
      now = serverNow;
      table.update(producers);
    },
  };
}

function columns(now) {
  const since = (row) => (isKnown(row.connected_at) ? (now() - row.connected_at) / 1000 : null);
  return [
    { id: "client", label: "Client", head: true, value: nameOf, text: (row) => `${nameOf(row)} ${row.remote_address}`, cell: clientCell },
    { id: "messages", label: "Messages", numeric: true, value: messagesOf, text: (row) => integer(messagesOf(row)) },
    { id: "topics", label: "Topics", className: "wide", value: (row) => row.counts.length, text: topicsText, cell: topicsCell },
    { id: "connected", label: "Connected", numeric: true, value: since, text: (row) => span(since(row)), cell: (row) => h("span", { title: `since ${dateTime(row.connected_at)}` }, span(since(row))) },
    { id: "agent", label: "Agent", className: "wide", text: (row) => row.user_agent || UNKNOWN },
  ];
}

function nameOf({ client_id: id, hostname, remote_address: address }) {
  return id || hostname || address;
}

function clientCell(row) {
  const host = row.hostname && row.hostname !== nameOf(row) ? ` · ${row.hostname}` : "";
  return [h("span.name", nameOf(row)), h("span.under", row.remote_address, host)];
}

function messagesOf({ counts }) {
  return counts.reduce((sum, { messages }) => sum + messages, 0);
}

function topicsText({ counts }) {
  return counts.map(({ topic, messages }) => `${topic} ${messages}`).join(", ");
}

function topicsCell({ counts }) {
  const shown = counts.slice(0, TOPICS_SHOWN).map(({ topic, messages }) => h("li", h("a.name", { href: links.topic(topic) }, topic), " ", h("span.quiet", integer(messages))));
  const more = counts.length - TOPICS_SHOWN;
  return h("ul.inline", shown, more > 0 ? h("li.quiet", `and ${integer(more)} more`) : null);
}
