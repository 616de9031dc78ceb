/** Live tail and peek: the messages of a topic as they are published, through an ephemeral channel of its own. */
import { h, replace, setText } from "../core/dom.js";
import { links } from "../core/base.js";
import { openTail } from "../core/tail.js";
import { counted, integer } from "../rules/format.js";
import { encodePart } from "../rules/routes.js";
import { createHeading } from "../components/heading.js";
import { createMessageList } from "../components/messagelist.js";
import { createTailForm } from "../components/tailform.js";
import { emptyState } from "../components/states.js";

const ENDS = {
  limit: "Stopped: the number of messages that you asked for has come.",
  time: "Stopped after ten minutes. Start again to go on.",
  stopped: "Stopped.",
  lost: "The connection to nsqadmin was lost. Start again to go on.",
};
const LEAD = "Shows copies of messages as they are published, through a channel of its own that goes when you stop. No consumer misses one because of it.";

export const page = {
  title: ({ topic }) => `Tail of ${topic}`,
  view: ({ topic }) => `topics/${encodePart(topic)}`,
  create({ params, session, query }) {
    const crumbs = [["Topics", links.topics()], [params.topic, links.topic(params.topic)]];
    const heading = createHeading({ crumbs, kind: "Tail of", title: params.topic, code: true, lead: LEAD });
    if (!session.is_admin) return { heading: heading.element, body: forbidden(), update() {} };
    return { heading: heading.element, ...createTail(params.topic, query) };
  },
};

function forbidden() {
  return h("div", emptyState("You may not read messages", "Your user is not among nsqadmin's --admin-user, and messages are shown to those only."));
}

function createTail(topic, query) {
  const state = h("p.tail-state", { role: "status" }, "Not started.");
  const counts = h("p.tail-counts");
  const faults = h("ul.tail-faults");
  const list = createMessageList({ view: query.get("as") === "text" ? "text" : "tree", onView: (view) => query.set("as", view === "text" ? view : null) });
  let stop = null;

  const end = (text) => {
    stop?.();
    stop = null;
    form.setRunning(false);
    setText(state, text);
  };
  const start = (wish) => {
    stop?.();
    list.clear();
    replace(faults);
    setText(counts, "");
    setText(state, "Starting …");
    form.setRunning(true);
    stop = openTail({ topic, ...wish }, {
      onStarted: ({ nodes, channel }) => setText(state, `Listening on ${nodes.join(" and ")} through channel ${channel}.`),
      onMessage: list.add,
      onStats: (stats) => setText(counts, countsText(stats)),
      onNodeFailure: ({ node, text }) => faults.append(h("li", h("code", node), `: ${text}`)),
      onEnd: (reason) => end(ENDS[reason] ?? `Stopped: ${reason}.`),
      onRefused: (error) => end(`Not started: ${error.message}`),
    });
  };
  const form = createTailForm(query, { onStart: start, onStop: () => end(ENDS.stopped) });

  return {
    body: h("div.tail", form.element, h("div.tail-report", state, counts, faults), list.element),
    update: (data) => form.setNodes(data.nodes.map(({ node }) => node)),
    destroy() {
      stop?.();
      list.destroy();
    },
  };
}

function countsText({ received, matched, dropped }) {
  const passed = dropped ? `, ${integer(dropped)} not shown as they came too fast` : "";
  return `${counted(received, "message")} received, ${integer(matched)} with what you look for${passed}.`;
}
