/** All topics: one dense table to sort, filter and narrow down. */
import { h, setText } from "../core/dom.js";
import { createHeading } from "../components/heading.js";
import { emptyState } from "../components/states.js";
import { createTable } from "../components/table.js";
import { topicColumns, topicRowClass } from "../components/topiccolumns.js";
import { counted } from "../rules/format.js";
import { createTopicButton } from "../components/createdialog.js";

const CONDITIONS = [
  { id: "attention", label: "Need attention", test: (row) => row.worst === "critical" || row.worst === "warning" },
  { id: "backlog", label: "With backlog", test: (row) => row.counts.depth > 0 },
  { id: "paused", label: "Paused", test: (row) => row.paused !== "no" },
  { id: "no-channel", label: "No channel", test: (row) => row.channel_count === 0 },
  { id: "inactive", label: "Inactive", test: (row) => row.inactive },
];

export const page = {
  title: () => "Topics",
  view: () => "topics",
  /** @param {import("../shell/host.js").Context} context */
  create({ query, session }) {
    const heading = createHeading({ title: "Topics" });
    if (session.is_admin) heading.setActions(createTopicButton());
    const table = createTable({
      name: "",
      caption: "Topics",
      query,
      key: (row) => row.topic,
      columns: topicColumns(),
      sort: { id: "topic", direction: "asc" },
      filter: "Filter by name",
      searched: (row) => row.topic,
      conditions: CONDITIONS,
      rowClass: topicRowClass,
      empty: () => emptyState("No topics yet", "The first message that is published to a topic, or the first consumer of it, makes it."),
    });
    const count = h("p.spoken", { role: "status" });
    return {
      heading: heading.element,
      body: h("div", count, table.element),
      update(data) {
        setText(count, counted(data.topics.length, "topic"));
        table.update(data.topics);
      },
    };
  },
};
