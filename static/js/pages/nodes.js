/** All nodes: whether each answers, how it is, what it holds, and whether every registry knows it. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { bytes, compact, counted, integer, rate, span } from "../rules/format.js";
import { badge } from "../components/badge.js";
import { createHeading } from "../components/heading.js";
import { knownOf, nodeBadges, nodeReason, nodeStateText, registriesBadge, registriesText } from "../components/nodestate.js";
import { emptyState } from "../components/states.js";
import { createTable } from "../components/table.js";

export const page = {
  title: () => "Nodes",
  view: () => "nodes",
  create({ session, query }) {
    const heading = createHeading({ title: "Nodes", lead: "Every nsqd that the registries or the configuration name." });
    const table = createTable({
      caption: "Nodes",
      query,
      key: (row) => row.node,
      columns: columns(session),
      sort: { id: "node", direction: "asc" },
      filter: "Filter by name, version or place",
      searched: (row) => [row.node, row.hostname, row.version, row.region, row.zone].join(" "),
      conditions: [
        { id: "trouble", label: "With trouble", test: (row) => nodeStateText(row) !== "" || !knownToAll(row) },
        { id: "unreachable", label: "Unreachable", test: (row) => !row.reachable },
      ],
      empty: () => emptyState("No nodes", "No nsqd has registered with the nsqlookupds that nsqadmin asks. Start one with --lookupd-tcp-address."),
    });
    return {
      heading: heading.element,
      body: h("div", table.element),
      update({ nodes }) {
        heading.setBadges(badge(counted(nodes.length, "node")));
        table.update(nodes.map(knownOf));
      },
    };
  },
};

function columns(session) {
  return [
    { id: "node", label: "Node", head: true, text: nodeText, cell: nodeCell, value: (row) => row.node },
    { id: "state", label: "State", className: "wide", text: (row) => `${nodeStateText(row) || "OK"} ${nodeReason(row)}`, cell: stateCell },
    { id: "version", label: "Version", text: (row) => row.version || "–" },
    { id: "place", label: "Region, zone", text: placeText },
    { id: "uptime", label: "Up for", numeric: true, text: (row) => span(row.uptime_s), value: (row) => row.uptime_s },
    { id: "topics", label: "Topics", numeric: true, text: (row) => integer(row.topic_count), value: (row) => row.topic_count },
    { id: "clients", label: "Clients", numeric: true, text: (row) => integer(row.client_count), value: (row) => row.client_count },
    { id: "depth", label: "Depth", numeric: true, text: (row) => compact(row.counts.depth), value: (row) => row.counts.depth },
    { id: "in", label: "In", numeric: true, text: (row) => rate(row.counts.in_rate), value: (row) => row.counts.in_rate },
    { id: "out", label: "Out", numeric: true, text: (row) => rate(row.counts.out_rate), value: (row) => row.counts.out_rate },
    { id: "memory", label: "Memory", numeric: true, text: (row) => bytes(row.memory_bytes), value: (row) => row.memory_bytes },
    ...(session.mode === "lookupd" ? [registriesColumn()] : []),
  ];
}

function nodeText({ node, hostname }) {
  return `${node} ${hostname}`;
}

function nodeCell({ node, hostname, broadcast_address }) {
  const other = hostname && hostname !== broadcast_address ? h("span.under", hostname) : null;
  return [h("a.name", { href: links.node(node) }, node), other];
}

function stateCell(row) {
  const badges = nodeBadges(row);
  if (badges.length === 0) return badge("OK", "good");
  const reason = nodeReason(row);
  return h("div", h("span.badges", badges), reason ? h("span.under", reason) : null);
}

function placeText({ region, zone }) {
  return [region, zone].filter(Boolean).join(", ") || "–";
}

function registriesColumn() {
  return { id: "registries", label: "Registries", numeric: true, text: registriesText, cell: registriesBadge, value: (row) => row.registries.filter(({ known }) => known).length };
}

function knownToAll({ registries }) {
  return registries.every(({ known }) => known);
}
