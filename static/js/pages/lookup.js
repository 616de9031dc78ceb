/** What the registries know and no node has: inactive topics with their channels; and the form that makes topics and channels. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { badge } from "../components/badge.js";
import { createHeading } from "../components/heading.js";
import { createMaker } from "../components/maker.js";
import { emptyState } from "../components/states.js";
import { createTable } from "../components/table.js";

const LEAD = "Topics that a registry knows and no node has now. They take no space, but a consumer that asks for one finds nobody.";

export const page = {
  title: () => "Lookup",
  view: () => "lookup",
  create({ session, query }) {
    const heading = createHeading({ title: "Lookup", lead: LEAD });
    const table = session.mode === "lookupd" ? inactiveTable(session, query) : null;
    const maker = session.is_admin ? createMaker(session) : null;
    return {
      heading: heading.element,
      body: h("div.stack", maker?.element, table?.element ?? direct()),
      update: (data) => table?.update(data.topics),
    };
  },
};

function direct() {
  return emptyState("There are no registries to ask", "nsqadmin was started with --nsqd-http-address, so every topic that it knows is on a node.");
}

function inactiveTable(session, query) {
  return createTable({
    caption: "Inactive topics",
    heading: true,
    query,
    key: (row) => row.topic,
    columns: [
      { id: "topic", label: "Topic", head: true, text: (row) => row.topic, cell: (row) => h("a", { href: links.topic(row.topic) }, row.topic) },
      { id: "channels", label: "Channels", className: "wide", text: (row) => row.channels.join(", ") || "none", cell: channelsCell },
      { id: "reason", label: "Why", text: (row) => row.reason, cell: (row) => badge(row.reason, row.reason === "tombstoned" ? "info" : "neutral") },
      ...(session.is_admin ? [deleteColumn()] : []),
    ],
    sort: { id: "topic", direction: "asc" },
    filter: "Filter by name",
    searched: (row) => [row.topic, ...row.channels].join(" "),
    empty: () => emptyState("No inactive topics", "Every topic that a registry knows is on a node that answers."),
  });
}
