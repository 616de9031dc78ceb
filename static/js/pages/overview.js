/** How the whole cluster is: figures, what is wrong, the last hour, and where the traffic is. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { createCharts } from "../components/charts.js";
import { countTiles } from "../components/counttiles.js";
import { createHeading } from "../components/heading.js";
import { countProblems, createProblems } from "../components/problems.js";
import { emptyState } from "../components/states.js";
import { createTable } from "../components/table.js";
import { createTiles } from "../components/tiles.js";
import { topicColumns, topicRowClass } from "../components/topiccolumns.js";
import { counted, integer, rate } from "../rules/format.js";

export const page = {
  title: () => "Overview",
  view: () => "overview",
  /** @param {import("../shell/host.js").Context} context */
  create({ query, session }) {
    const tiles = clusterTiles();
    const problems = createProblems({ well: "Nothing needs attention." });
    const charts = createCharts();
    const table = topTopics(query, session);
    const problemCount = h("p");
    const problemTitle = h("div.section-head", h("h2", "Problems"), problemCount);
    const title = h("div.section-head", h("h2", "Busiest topics"), h("p", h("a", { href: links.topics() }, "All topics")));
    return {
      heading: createHeading({ title: "Overview" }).element,
      body: h(
        "div",
        tiles.element,
        h("section.section", problemTitle, problems.element),
        charts.element,
        h("section.section", title, table.element),
      ),
      update(data) {
        tiles.update(data);
        problems.update(data.problems, data.problems_left_out);
        problemCount.textContent = countProblems(data.problems);
        charts.update(data.series);
        table.update(data.top_topics);
      },
      destroy: () => charts.destroy(),
    };
  },
};

function clusterTiles() {
  const { incoming, outgoing, depth, inFlight, timedOut } = countTiles((data) => data.totals);
  return createTiles([
    incoming,
    outgoing,
    depth,
    inFlight,
    { ...timedOut, note: (data) => `${rate(data.totals.requeue_rate)} requeued` },
    { label: "Topics", value: (data) => integer(data.topic_count), note: (data) => counted(data.channel_count, "channel") },
    { label: "Clients", value: (data) => integer(data.client_count), note: () => "consuming" },
    { label: "Nodes", value: (data) => integer(data.node_count), note: nodesNote },
  ]);
}

function nodesNote(data) {
  const silent = new Set(data.failures.filter(({ stage }) => stage === "stats" || stage === "info").map(({ address }) => address)).size;
  return silent > 0 ? `${integer(silent)} not answering` : "all answering";
}

function topTopics(query, session) {
  return createTable({
    name: "",
    caption: "Busiest topics",
    query,
    key: (row) => row.topic,
    columns: topicColumns(),
    sort: { id: "in", direction: "desc" },
    rowClass: topicRowClass,
    empty: () => emptyState("No topics yet", `${whereTopicsComeFrom(session)} The first message that is published makes one.`),
  });
}

function whereTopicsComeFrom({ mode, lookupds, nsqds }) {
  return mode === "lookupd"
    ? `Topics are found through nsqlookupd at ${lookupds.join(", ")}.`
    : `Topics are asked of nsqd at ${nsqds.join(", ")}.`;
}
