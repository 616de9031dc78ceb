/** One topic: its figures, channels, where on which node its messages are, and what can be done to it. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { navigate } from "../core/router.js";
import { createActionButtons } from "../components/actionbuttons.js";
import { openAction } from "../components/actiondialog.js";
import { badge, silenceBadge, stateBadges } from "../components/badge.js";
import { channelTable } from "../components/channeltable.js";
import { createCharts } from "../components/charts.js";
import { countTiles } from "../components/counttiles.js";
import { createChannelButton } from "../components/createdialog.js";
import { createGraphite } from "../components/graphite.js";
import { createHeading } from "../components/heading.js";
import { icon } from "../components/icons.js";
import { createLatency } from "../components/latency.js";
import { createMatrix } from "../components/matrix.js";
import { createProblems } from "../components/problems.js";
import { createPublishButton } from "../components/publishdialog.js";
import { emptyState } from "../components/states.js";
import { createTable } from "../components/table.js";
import { createTiles } from "../components/tiles.js";
import { count } from "../components/topiccolumns.js";
import { drainText } from "../rules/draining.js";
import { compact, counted, integer, rate } from "../rules/format.js";
import { encodePart } from "../rules/routes.js";

export const page = {
  title: ({ topic }) => topic,
  view: ({ topic }) => `topics/${encodePart(topic)}`,
  /** @param {import("../shell/host.js").Context} context */
  create(context) {
    return new TopicPage(context);
  },
};

class TopicPage {
  constructor({ params, query, session }) {
    this.topic = params.topic;
    this.addresses = [];
    this.headingParts = createHeading({ crumbs: [["Topics", links.topics()]], title: this.topic, kind: "Topic", code: true });
    this.heading = this.headingParts.element;
    this.actions = this.createActions(session);
    this.tiles = topicTiles();
    this.problems = createProblems({ except: { topic: this.topic } });
    this.charts = createCharts();
    this.channels = channelTable(query);
    this.matrix = createMatrix(query);
    this.nodes = nodeTable(this.topic, query, session);
    this.latency = createLatency();
    this.history = createGraphite(session, query, historyOf(this.topic));
    this.matrixSection = h("section.section", h("h2", "Nodes and channels"), this.matrix.element);
    this.body = h(
      "div.page-parts",
      this.problems.element,
      this.tiles.element,
      this.charts.element,
      h("section.section", h("h2", "Channels"), this.channels.element),
      this.matrixSection,
      h("section.section", h("h2", "Nodes"), this.nodes.element),
      h("section.section", h("h2", "End-to-end latency"), this.latency.element),
      this.history.element,
    );
  }

  createActions(session) {
    const tail = h("a.button", { href: links.tail(this.topic) }, icon("tail"), "Tail");
    const publish = createPublishButton(this.topic, () => this.addresses);
    const before = [tail, publish, createChannelButton(this.topic)];
    return createActionButtons(this.headingParts, { topic: this.topic }, session, { before, onDeleted: () => navigate(links.topics()) });
  }

  update(data) {
    this.addresses = data.nodes.map(({ node }) => node);
    this.headingParts.setBadges(stateBadges(data.topic));
    this.actions.update(data.topic.paused);
    this.tiles.update(data.topic);
    this.problems.update(data.problems, data.problems_left_out);
    this.charts.update(data.series);
    this.channels.update(data.channels);
    this.matrixSection.hidden = data.nodes.length < 2 || data.channels.length === 0;
    if (!this.matrixSection.hidden) this.matrix.update(data.nodes, data.channels, this.topic);
    this.nodes.update(data.nodes);
    this.latency.update(data.latency, data.nodes);
  }

  destroy() {
    this.history.destroy();
    this.charts.destroy();
  }
}

function historyOf(topic) {
  return [
    { title: "Messages published per second", metric: { topic, measure: "message_count", kind: "counter" } },
    { title: "Depth of the topic itself", metric: { topic, measure: "depth", kind: "gauge" } },
  ];
}

function topicTiles() {
  const { incoming, outgoing, depth, inFlight, requeued, timedOut } = countTiles((row) => row.counts);
  const drained = { label: "Drained in", title: "Until the deepest backlog is gone at the present rate", value: drainText };
  const clients = { label: "Clients", value: (row) => integer(row.client_count), note: (row) => counted(row.channel_count, "channel") };
  const waiting = { ...depth, note: (row) => (row.own_depth > 0 ? `${compact(row.own_depth)} in the topic itself` : depth.note(row)) };
  return createTiles([incoming, outgoing, waiting, drained, inFlight, requeued, timedOut, clients]);
}

function nodeTable(topic, query, session) {
  const removable = session.is_admin && session.mode === "lookupd";
  return createTable({
    name: "nodes",
    caption: "Nodes",
    query,
    key: (row) => row.node,
    columns: [...nodeColumns(), ...(removable ? [removeColumn(topic)] : [])],
    sort: { id: "node", direction: "asc" },
    empty: () => noNodes(),
  });
}

function noNodes() {
  const lookup = h("a.button", { href: links.lookup() }, "See Lookup");
  return emptyState(
    "No node has this topic now",
    "The registries remember it, but no nsqd produces it: the next message that is published brings it back.",
    lookup,
  );
}

function nodeColumns() {
  return [
    {
      id: "node",
      label: "Node",
      head: true,
      value: (row) => row.node,
      text: (row) => [row.node, row.hostname, row.paused, row.tombstoned, row.since].join(" "),
      cell: (row) => [h("a.name", { href: links.node(row.node) }, row.node), nodeBadges(row), h("span.under", row.hostname)],
    },
    count("in", "In", (row) => row.counts.in_rate, rate),
    count("out", "Out", (row) => row.counts.out_rate, rate),
    count("depth", "Depth", (row) => row.counts.depth, integer),
    count("memory", "Memory", (row) => row.counts.memory_depth, integer, "Messages that wait in memory"),
    count("disk", "Disk", (row) => row.counts.backend_depth, integer, "Messages that wait on disk"),
    count("in-flight", "In flight", (row) => row.counts.in_flight, integer),
    count("messages", "Messages", (row) => row.counts.messages, integer, "Published since the node has started"),
    count("channels", "Channels", (row) => row.channels.length, integer),
    count("clients", "Clients", (row) => row.counts.clients, integer),
  ];
}

function nodeBadges(row) {
  const { paused, tombstoned } = row;
  const title = "The registries hide this node as a producer of the topic";
  return [silenceBadge(row), paused ? badge("paused", "warning") : null, tombstoned ? badge("tombstoned", "warning", title) : null];
}

function removeColumn(topic) {
  const open = (row) => openAction("tombstone_topic_producer", { topic, node: row.node });
  return {
    id: "remove",
    label: "",
    title: "Remove",
    sortable: false,
    className: "numeric wide",
    text: (row) => row.node,
    cell: (row) =>
      h(
        "button.button.button-danger.button-small",
        { type: "button", onclick: () => open(row), "aria-label": `Remove the topic from ${row.node}` },
        icon("tombstone"),
        "Remove",
      ),
  };
}
