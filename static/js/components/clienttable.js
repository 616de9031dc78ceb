/**
 * A table of consumers (CLIENT of the API), for a channel or a node.
 *
 *   const clients = createClientTable({ query, name: "clients", where: "node" });   // a channel's: on which node
 *   const clients = createClientTable({ query, name: "clients", where: "channel" }); // a node's: of which channel
 *   clients.update(data.clients, data.now);
 */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { dateTime, integer, isKnown, rate, span, UNKNOWN } from "../rules/format.js";
import { badge } from "./badge.js";
import { emptyState } from "./states.js";
import { createTable } from "./table.js";
import { count } from "./topiccolumns.js";

/**
 * @param {{query: import("../core/query.js").Query, name: string, where: "node" | "channel"}} options
 */
export function createClientTable({ query, name, where }) {
  let now = 0;
  const table = createTable({
    name,
    caption: "Clients",
    query,
    key: (client) => [client.node, client.topic, client.channel, client.remote_address].join(" "),
    columns: columns(where, () => now),
    sort: { id: "rate", direction: "desc" },
    filter: "Filter clients",
    searched: (client) =>
      [client.client_id, client.hostname, client.remote_address, client.user_agent, client.node, client.topic, client.channel].join(" "),
    conditions: [
      { id: "stuck", label: "Stuck", test: (client) => client.stuck !== null },
      { id: "idle", label: "Idle", test: (client) => client.rate === 0 && client.stuck === null },
    ],
    rowClass: (client) => (client.stuck ? "warned" : ""),
    empty: () => emptyState("No client is connected", "Messages wait here until one subscribes."),
  });
  return {
    element: table.element,
    /**
     * @param {any[]} clients
     * @param {number} serverNow ms
     */
    update(clients, serverNow) {
      now = serverNow;
      table.update(clients);
    },
  };
}

function columns(where, now) {
  return [
    clientColumn(),
    where === "node" ? nodeColumn() : channelColumn(),
    count("rate", "Rate", (client) => client.rate, rate, "Messages finished per second"),
    {
      id: "in-flight",
      label: "In flight / ready",
      title: "Messages that the client has now, and how many it is ready to take (RDY)",
      numeric: true,
      value: (client) => client.in_flight,
      text: (client) => `${integer(client.in_flight)} / ${integer(client.ready)}`,
    },
    count("finished", "Finished", (client) => client.finished, integer),
    count("messages", "Delivered", (client) => client.messages, integer),
    count("requeues", "Requeued", (client) => client.requeues, integer),
    {
      id: "connected",
      label: "Connected",
      numeric: true,
      value: (client) => (isKnown(client.connected_at) ? now() - client.connected_at : null),
      text: (client) => (isKnown(client.connected_at) ? span((now() - client.connected_at) / 1000) : UNKNOWN),
      cell: (client) =>
        h(
          "span",
          { title: `since ${dateTime(client.connected_at)}` },
          isKnown(client.connected_at) ? span((now() - client.connected_at) / 1000) : UNKNOWN,
        ),
    },
    attributeColumn(),
  ];
}

function clientColumn() {
  return {
    id: "client",
    label: "Client",
    head: true,
    value: (client) => nameOf(client),
    text: (client) => [nameOf(client), originOf(client), client.stuck ?? ""].join(" "),
    cell: (client) => [
      h("span.name", nameOf(client)),
      client.stuck ? badge("stuck", "warning") : null,
      h("span.under", originOf(client)),
      client.stuck ? h("span.under.warning", client.stuck) : null,
    ],
  };
}

function nameOf({ client_id: id, hostname, remote_address: address }) {
  return id || hostname || address;
}

// Address, agent, and the host unless the name says it already (in short or in full).
function originOf(client) {
  const { hostname, remote_address: address, user_agent: agent } = client;
  const named = [hostname, hostname?.split(".")[0]].includes(nameOf(client));
  return [address, named ? "" : hostname, agent].filter(Boolean).join(" · ");
}

function nodeColumn() {
  return {
    id: "node",
    label: "Node",
    className: "wide",
    text: (client) => client.node,
    cell: (client) => h("a.name", { href: links.node(client.node) }, client.node),
  };
}

function channelColumn() {
  return {
    id: "channel",
    label: "Channel",
    className: "wide",
    text: (client) => `${client.topic}/${client.channel}`,
    cell: (client) => h("a.name", { href: links.channel(client.topic, client.channel) }, `${client.topic}/${client.channel}`),
  };
}

function attributeColumn() {
  return {
    id: "attributes",
    label: "Attributes",
    sortable: false,
    className: "wide attributes",
    text: (client) =>
      attributesOf(client)
        .map(([text]) => text)
        .join(" "),
    cell: (client) =>
      h(
        "span.badges",
        attributesOf(client).map(([text, tone, title]) => badge(text, tone, title)),
      ),
  };
}

function attributesOf(client) {
  const { tls, tls_version: tlsVersion, deflate, snappy, sample_rate: sample, auth, zone, region, locality } = client;
  const all = [
    tls && ["TLS", "neutral", tlsVersion],
    deflate && ["deflate", "neutral", "Compressed"],
    snappy && ["snappy", "neutral", "Compressed"],
    sample > 0 && [`sampled ${sample}%`, "info", "Gets only this share of the messages"],
    auth && [auth, "neutral", "Authenticated as"],
    (zone || region) && [[region, zone].filter(Boolean).join("/"), "neutral", "Its region and zone"],
    LOCALITIES[locality],
  ];
  return all.filter(Boolean);
}

const LOCALITIES = {
  zone: ["same zone", "good", "In the zone of the node"],
  region: ["same region", "info", "In the region of the node, but in another zone"],
  other: ["other region", "warning", "In another region than the node"],
};
