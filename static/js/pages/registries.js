/** The registries compared with each other: what each knows, where they differ, and which tombstones stand for how long. */
import { h, replace } from "../core/dom.js";
import { links } from "../core/base.js";
import { ago, clock, counted, integer, span } from "../rules/format.js";
import { badge } from "../components/badge.js";
import { createHeading } from "../components/heading.js";
import { icon } from "../components/icons.js";
import { emptyState } from "../components/states.js";
import { createTable } from "../components/table.js";

const DIFFERENCES_SHOWN = 100;
const LEAD = "What each nsqlookupd knows. Consumers find nodes through any of them, so they should all say the same.";

export const page = {
  title: () => "Registries",
  view: () => "registries",
  create({ session, query }) {
    const heading = createHeading({ title: "Registries", lead: LEAD });
    if (session.mode === "direct") return { heading: heading.element, body: direct(), update() {} };
    const registries = registriesTable(query);
    const differences = createDifferences();
    const matrix = createMatrix(query);
    const tombstones = tombstonesTable(query);
    return {
      heading: heading.element,
      body: h(
        "div",
        registries.element,
        section("Differences", differences.element),
        section("Nodes, as each registry sees them", matrix.element),
        section("Tombstones", tombstones.element),
      ),
      update(data) {
        registries.update(data.registries);
        differences.update(data);
        matrix.update(data);
        tombstones.update(tombstonesOf(data));
      },
    };
  },
};

function section(title, ...children) {
  return h("section.section", h("h2", title), children);
}

function direct() {
  const text = "nsqadmin was started with --nsqd-http-address: it asks the nodes themselves, and no nsqlookupd.";
  return h("div", emptyState("There are no registries to compare", text));
}

function registriesTable(query) {
  const count = (id, label, value) => ({ id, label, numeric: true, text: (row) => integer(row.ok ? value(row) : null), value: (row) => (row.ok ? value(row) : null) });
  return createTable({
    name: "registries",
    caption: "Registries",
    query,
    key: (row) => row.address,
    columns: [
      { id: "address", label: "Address", head: true, text: (row) => row.address },
      { id: "state", label: "State", className: "wide", text: (row) => (row.ok ? "OK" : `unreachable ${row.error}`), cell: registryState },
      { id: "version", label: "Version", text: (row) => row.version ?? "–" },
      count("topics", "Topics", (row) => row.topic_count),
      count("channels", "Channels", (row) => row.channel_count),
      count("nodes", "Nodes", (row) => row.node_count),
    ],
    sort: { id: "address", direction: "asc" },
  });
}

function registryState({ ok, error }) {
  return ok ? badge("OK", "good") : h("div", badge("unreachable", "critical"), h("span.under", error ?? ""));
}

function createDifferences() {
  const list = h("div");
  let shown = null;
  return {
    element: list,
    update({ differences, registries }) {
      const next = JSON.stringify([differences, registries.map(({ ok }) => ok)]);
      if (next === shown) return;
      shown = next;
      replace(list, differences.length ? differenceList(differences) : agreement(registries));
    },
  };
}

function agreement(registries) {
  const answering = registries.filter(({ ok }) => ok).length;
  if (answering === 0) return h("p.quiet", "No registry answers, so there is nothing to compare.");
  if (answering === 1) return h("p.quiet", "Only one registry answers, so there is nothing to compare it with.");
  return h("p.agreement", icon("check"), `All ${integer(answering)} that answer say the same.`);
}

function differenceList(differences) {
  const more = differences.length - DIFFERENCES_SHOWN;
  return [h("ul.differences", differences.slice(0, DIFFERENCES_SHOWN).map(difference)), more > 0 ? h("p.quiet", `and ${counted(more, "more", "more")}`) : null];
}

function difference({ text, topic, node }) {
  const link = topic ? h("a", { href: links.topic(topic) }, "Topic") : node ? h("a", { href: links.node(node) }, "Node") : null;
  return h("li", icon("alert"), h("span", text), link);
}

/** Nodes in rows and registries in columns; made anew when there are other registries. */
function createMatrix(query) {
  const element = h("div");
  let addresses = null;
  let table = null;
  let latest = null;
  return {
    element,
    update(data) {
      latest = data;
      const next = data.registries.map(({ address }) => address).sort();
      if (next.join() !== addresses?.join()) {
        addresses = next;
        table = matrixTable(query, addresses, () => latest);
        replace(element, table.element);
      }
      table.update(data.nodes);
    },
  };
}

/** `latest` gives the data that are shown now. */
function matrixTable(query, addresses, latest) {
  const answers = (address) => latest().registries.some((registry) => registry.address === address && registry.ok);
  const seenBy = (row, address) => row.seen.find(({ registry }) => registry === address);
  const column = (address, number) => ({
    id: `registry-${number}`,
    label: address,
    className: "wide",
    text: (row) => (answers(address) ? sightText(seenBy(row, address), latest().now) : "no answer"),
    cell: (row) => (answers(address) ? sightCell(seenBy(row, address), latest().now) : h("span.quiet", "no answer")),
    value: (row) => seenBy(row, address)?.last_update ?? null,
  });
  return createTable({
    name: "nodes",
    caption: "Nodes, as each registry sees them",
    query,
    key: (row) => row.node,
    columns: [
      { id: "node", label: "Node", head: true, text: (row) => row.node, cell: (row) => h("a.name", { href: links.node(row.node) }, row.node) },
      ...addresses.map(column),
    ],
    sort: { id: "node", direction: "asc" },
    filter: "Filter by node",
    searched: (row) => `${row.node} ${row.hostname}`,
    conditions: [{ id: "missing", label: "Not known to all", test: (row) => row.seen.some(({ known }) => !known) }],
    empty: () => emptyState("No nodes", "No registry knows any nsqd."),
  });
}

function sightText(sight, now) {
  if (!sight?.known) return "not known";
  return sight.last_update === null ? "known" : `known, heard ${ago(sight.last_update, now)}`;
}

function sightCell(sight, now) {
  if (!sight?.known) return badge("not known", "warning");
  const heard = sight.last_update === null ? null : h("span.quiet", { title: clock(sight.last_update) }, `heard ${ago(sight.last_update, now)}`);
  return h("span.badges", { title: sight.remote_address || null }, badge("known", "good"), heard);
}

function tombstonesOf({ nodes, now }) {
  return nodes.flatMap(({ node, seen }) => seen.flatMap(({ registry, tombstones }) => tombstones.map(({ topic, until }) => ({ topic, node, registry, left: until === null ? null : Math.max(0, (until - now) / 1000) }))));
}

function tombstonesTable(query) {
  return createTable({
    name: "tombstones",
    caption: "Tombstones",
    query,
    key: ({ topic, node, registry }) => `${topic}/${node}/${registry}`,
    columns: [
      { id: "topic", label: "Topic", head: true, text: (row) => row.topic, cell: (row) => h("a.name", { href: links.topic(row.topic) }, row.topic) },
      { id: "node", label: "Node", className: "wide", text: (row) => row.node, cell: (row) => h("a.name", { href: links.node(row.node) }, row.node) },
      { id: "registry", label: "Registry", className: "wide", text: (row) => row.registry },
      { id: "left", label: "Ends in", numeric: true, title: "Until then the registry hides this node from consumers of the topic", text: (row) => span(row.left), value: (row) => row.left },
    ],
    sort: { id: "topic", direction: "asc" },
    empty: () => h("p.quiet", "None. A tombstone hides a topic of a node from consumers for a while, so that it can be taken away."),
  });
}
