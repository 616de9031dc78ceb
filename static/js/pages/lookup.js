/** What the registries know and no node has: inactive topics with their channels; and the form that makes topics and channels. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { openAction } from "../components/actiondialog.js";
import { badge } from "../components/badge.js";
import { createTopicButton } from "../components/createdialog.js";
import { createHeading } from "../components/heading.js";
import { emptyState } from "../components/states.js";
import { icon } from "../components/icons.js";
import { createTable } from "../components/table.js";
import { UNKNOWN } from "../rules/format.js";

const LEAD = "Topics that a registry knows and no node has now. They take no space, but a consumer that asks for one finds nobody.";

export const page = {
  title: () => "Lookup",
  view: () => "lookup",
  create({ session, query }) {
    const heading = createHeading({ title: "Lookup", lead: LEAD });
    const table = session.mode === "lookupd" ? inactiveTable(session, query) : null;
    if (session.is_admin) heading.setActions(createTopicButton());
    return {
      heading: heading.element,
      body: h("div", table?.element ?? direct()),
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
    query,
    key: (row) => row.topic,
    columns: [
      { id: "topic", label: "Topic", head: true, text: (row) => row.topic, cell: (row) => h("a.name", { href: links.topic(row.topic) }, row.topic) },
      { id: "channels", label: "Channels", className: "wide", text: channelsText, cell: channelsCell },
      { id: "reason", label: "Why", text: (row) => row.reason, cell: (row) => badge(row.reason, row.reason === "tombstoned" ? "info" : "neutral") },
      ...(session.is_admin ? [deleteColumn()] : []),
    ],
    sort: { id: "topic", direction: "asc" },
    filter: "Filter by name",
    searched: (row) => [row.topic, ...(row.channels ?? [])].join(" "),
    empty: () => emptyState("No inactive topics", "Every topic that a registry knows is on a node that answers."),
  });
}

/** Registries are asked for the channels of some topics only: those of others are not known. */
function channelsText({ channels }) {
  return channels ? channels.join(", ") || "none" : UNKNOWN;
}

function channelsCell({ topic, channels }) {
  if (!channels) return h("span.quiet", { title: "Not known: no registry has said it" }, UNKNOWN);
  if (channels.length === 0) return h("span.quiet", "none");
  return h("ul.inline", channels.map((channel) => h("li", h("a.name", { href: links.channel(topic, channel) }, channel))));
}

function deleteColumn() {
  const cell = ({ topic }) => {
    const remove = () => openAction("delete_topic", { topic });
    return h("button.icon-button", { type: "button", "aria-label": `Delete ${topic}`, title: "Delete the topic from the registries", onclick: remove }, icon("trash"));
  };
  return { id: "actions", label: "", sortable: false, className: "actions wide", text: () => "", cell };
}
