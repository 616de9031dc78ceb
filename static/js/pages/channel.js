/** One channel: its figures, how it is on each node, who consumes it, and what can be done to it. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { navigate } from "../core/router.js";
import { createActionButtons } from "../components/actionbuttons.js";
import { badge, silenceBadge, stateBadges } from "../components/badge.js";
import { createCharts } from "../components/charts.js";
import { createClientTable } from "../components/clienttable.js";
import { countTiles } from "../components/counttiles.js";
import { createGraphite } from "../components/graphite.js";
import { createHeading } from "../components/heading.js";
import { createLatency } from "../components/latency.js";
import { createProblems } from "../components/problems.js";
import { emptyState } from "../components/states.js";
import { createTable } from "../components/table.js";
import { createTiles } from "../components/tiles.js";
import { count } from "../components/topiccolumns.js";
import { drainText } from "../rules/draining.js";
import { counted, integer, rate } from "../rules/format.js";
import { encodePart } from "../rules/routes.js";

export const page = {
  title: ({ topic, channel }) => `${topic}/${channel}`,
  view: ({ topic, channel }) => `topics/${encodePart(topic)}/${encodePart(channel)}`,
  /** @param {import("../shell/host.js").Context} context */
  create(context) {
    return new ChannelPage(context);
  },
};

class ChannelPage {
  constructor({ params, query, session }) {
    const { topic, channel } = params;
    const crumbs = [
      ["Topics", links.topics()],
      [topic, links.topic(topic)],
    ];
    this.headingParts = createHeading({ crumbs, title: channel, kind: "Channel", code: true });
    this.heading = this.headingParts.element;
    this.actions = createActionButtons(this.headingParts, { topic, channel }, session, { onDeleted: () => navigate(links.topic(topic)) });
    this.tiles = channelTiles();
    this.problems = createProblems({ except: { topic, channel } });
    this.charts = createCharts();
    this.clients = createClientTable({ query, name: "clients", where: "node" });
    this.clientCount = h("p");
    this.nodes = nodeTable(query);
    this.latency = createLatency();
    this.history = createGraphite(session, query, historyOf(topic, channel));
    this.body = h(
      "div.page-parts",
      this.problems.element,
      this.tiles.element,
      this.charts.element,
      h("section.section", h("div.section-head", h("h2", "Clients"), this.clientCount), this.clients.element),
      h("section.section", h("h2", "Nodes"), this.nodes.element),
      h("section.section", h("h2", "End-to-end latency"), this.latency.element),
      this.history.element,
    );
  }

  update(data) {
    this.headingParts.setBadges(stateBadges(data.channel));
    this.actions.update(data.channel.paused);
    this.tiles.update(data.channel);
    this.problems.update(data.problems, data.problems_left_out);
    this.charts.update(data.series);
    this.clients.update(data.clients, data.now);
    this.clientCount.textContent = spread(data.clients);
    this.nodes.update(data.nodes);
    this.latency.update(data.latency, data.nodes);
  }

  destroy() {
    this.history.destroy();
    this.charts.destroy();
  }
}

function historyOf(topic, channel) {
  const gauge = (title, measure) => ({ title, metric: { topic, channel, measure, kind: "gauge" } });
  const counter = (title, measure) => ({ title, metric: { topic, channel, measure, kind: "counter" } });
  return [
    gauge("Depth", "depth"),
    counter("Messages per second", "message_count"),
    gauge("In flight", "in_flight_count"),
    gauge("Clients", "clients"),
    counter("Requeued per second", "requeue_count"),
    counter("Timed out per second", "timeout_count"),
  ];
}

function channelTiles() {
  const { incoming, outgoing, depth, inFlight, requeued, timedOut } = countTiles((row) => row.counts);
  const drained = {
    label: "Drained in",
    title: "Until the backlog is gone at the present rate",
    value: drainText,
    note: (row) => (row.growing ? "growing" : ""),
  };
  const clients = {
    label: "Clients",
    value: (row) => integer(row.client_count),
    note: (row) => `on ${counted(row.node_count, "node")}`,
    attention: (row) => row.client_count === 0 && row.counts.depth > 0,
  };
  const growing = { ...depth, attention: (row) => row.growing };
  return createTiles([growing, drained, incoming, outgoing, inFlight, requeued, timedOut, clients]);
}

// How many consumers are near their node, where the nodes and clients say where they are.
function spread(clients) {
  const placed = clients.filter(({ locality }) => locality !== null);
  if (placed.length === 0) return "";
  const near = placed.filter(({ locality }) => locality === "zone").length;
  return `${integer(near)} of ${integer(placed.length)} in the zone of their node`;
}

function nodeTable(query) {
  return createTable({
    name: "nodes",
    caption: "Nodes",
    query,
    key: (row) => row.node,
    columns: nodeColumns(),
    sort: { id: "node", direction: "asc" },
    rowClass: (row) => (isAbandoned(row) ? "warned" : ""),
    empty: () => emptyState("No node has this channel now", "It comes back with its topic's next message or with its next consumer."),
  });
}

function isAbandoned(row) {
  return row.client_count === 0 && row.counts.depth > 0;
}

function nodeColumns() {
  return [
    {
      id: "node",
      label: "Node",
      head: true,
      value: (row) => row.node,
      text: (row) => [row.node, row.hostname, row.paused, row.since, isAbandoned(row)].join(" "),
      cell: (row) => [
        h("a.name", { href: links.node(row.node) }, row.node),
        silenceBadge(row),
        row.paused ? badge("paused", "warning") : null,
        isAbandoned(row) ? badge("no client", "warning", "Messages wait here and no client fetches them") : null,
        h("span.under", row.hostname),
      ],
    },
    count("depth", "Depth", (row) => row.counts.depth, integer),
    count("memory", "Memory", (row) => row.counts.memory_depth, integer, "Messages that wait in memory"),
    count("disk", "Disk", (row) => row.counts.backend_depth, integer, "Messages that wait on disk"),
    count("in", "In", (row) => row.counts.in_rate, rate),
    count("out", "Out", (row) => row.counts.out_rate, rate),
    count("in-flight", "In flight", (row) => row.counts.in_flight, integer),
    count("deferred", "Deferred", (row) => row.counts.deferred, integer),
    count("requeued", "Requeued", (row) => row.counts.requeues, integer),
    count("timed-out", "Timed out", (row) => row.counts.timeouts, integer),
    count("messages", "Messages", (row) => row.counts.messages, integer),
    count("clients", "Clients", (row) => row.client_count, integer),
  ];
}
