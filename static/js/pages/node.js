/** One node: how it is, what it holds, who consumes from it and who publishes to it. */
import { h, replace } from "../core/dom.js";
import { links } from "../core/base.js";
import { createCharts } from "../components/charts.js";
import { createClientTable } from "../components/clienttable.js";
import { createFacts } from "../components/facts.js";
import { createHeading } from "../components/heading.js";
import { holdingsTable, holdingsOf } from "../components/holdings.js";
import { hasAnswered, knownOf, nodeBadges, nodeReason, registriesText } from "../components/nodestate.js";
import { createProblems } from "../components/problems.js";
import { producerTable } from "../components/producertable.js";
import { emptyState } from "../components/states.js";
import { createTiles } from "../components/tiles.js";
import { bytes, compact, dateTime, integer, rate, span, UNKNOWN } from "../rules/format.js";
import { encodePart } from "../rules/routes.js";

export const page = {
  title: ({ node }) => node,
  view: ({ node }) => `nodes/${encodePart(node)}`,
  /** @param {import("../shell/host.js").Context} context */
  create(context) {
    return new NodePage(context);
  },
};

class NodePage {
  constructor({ params, query, session }) {
    const { node } = params;
    this.headingParts = createHeading({ crumbs: [["Nodes", links.nodes()]], title: node, kind: "Node", code: true });
    this.heading = this.headingParts.element;
    this.reason = h("div");
    this.problems = createProblems({ except: { node } });
    this.tiles = nodeTiles();
    this.charts = createCharts();
    this.facts = createFacts(factsOf(session));
    this.holdings = holdingsTable(query, node, session);
    this.clients = createClientTable({ query, name: "clients", where: "channel" });
    this.producers = producerTable(query);
    this.unknown = h("div", emptyState("What it holds is not known", "It has not answered since this nsqadmin was started."));
    this.contents = h(
      "div.page-parts",
      h("section.section", h("h2", "Topics and channels"), this.holdings.element),
      h("section.section", h("h2", "Consumers"), this.clients.element),
      h("section.section", h("h2", "Producers"), this.producers.element),
    );
    this.body = h(
      "div.page-parts",
      this.reason,
      this.problems.element,
      this.tiles.element,
      this.charts.element,
      this.unknown,
      this.contents,
      h("section.section", h("h2", "About this node"), this.facts.element),
    );
  }

  update(data) {
    const node = knownOf(data.node);
    this.headingParts.setBadges(nodeBadges(node));
    replace(this.reason, nodeReason(node) ? h("p.critical.node-reason", nodeReason(node)) : null);
    this.problems.update(data.problems, data.problems_left_out);
    this.tiles.update(node);
    this.charts.update(data.series);
    this.facts.update(node);
    this.unknown.hidden = hasAnswered(node);
    this.contents.hidden = !hasAnswered(node);
    this.holdings.update(holdingsOf(data.topics));
    this.clients.update(data.clients, data.now);
    this.producers.update(data.producers, data.now);
  }

  destroy() {
    this.charts.destroy();
  }
}

function nodeTiles() {
  return createTiles([
    { label: "In", title: "Messages published per second", value: (node) => rate(node.counts.in_rate), note: (node) => `${compact(node.counts.messages)} since start` },
    { label: "Out", title: "Messages delivered and finished per second", value: (node) => rate(node.counts.out_rate), note: (node) => `${compact(node.counts.finished)} finished` },
    { label: "Depth", title: "Messages that wait", value: (node) => integer(node.counts.depth), note: (node) => `${compact(node.counts.backend_depth)} on disk` },
    { label: "In flight", title: "Messages that clients have now", value: (node) => integer(node.counts.in_flight), note: (node) => `${compact(node.counts.deferred)} deferred` },
    { label: "Topics", value: (node) => integer(node.topic_count), note: (node) => `${integer(node.channel_count)} channels` },
    { label: "Clients", value: (node) => integer(node.client_count) },
    { label: "Memory", value: (node) => bytes(node.memory_bytes) },
    { label: "Up for", value: (node) => span(node.uptime_s), note: (node) => (node.restarts ? `${integer(node.restarts)} actor restarts` : "") },
  ]);
}

function factsOf(session) {
  const place = ({ region, zone }) => [region, zone].filter(Boolean).join(", ") || UNKNOWN;
  const facts = [
    ["Hostname", (node) => node.hostname],
    ["Broadcast address", (node) => node.broadcast_address],
    ["TCP port", (node) => node.tcp_port],
    ["HTTP port", (node) => node.http_port],
    ["Version", (node) => node.version],
    ["Region, zone", place],
    ["Health", (node) => node.health],
    ["Started", (node) => dateTime(node.started_at)],
    ["Actor restarts", (node) => integer(node.restarts)],
  ];
  return session.mode === "lookupd" ? [...facts, ["Known to registries", registriesText]] : facts;
}
