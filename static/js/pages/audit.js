/** Who has changed what: the newest actions, with what each address answered. */
import { h, replace } from "../core/dom.js";
import { get } from "../core/api.js";
import { links } from "../core/base.js";
import { counted, dateTime } from "../rules/format.js";
import { badge } from "../components/badge.js";
import { createHeading } from "../components/heading.js";
import { icon } from "../components/icons.js";
import { createResults } from "../components/results.js";
import { emptyState, failedState, loadingState } from "../components/states.js";
import { createTable } from "../components/table.js";

const LEAD = "The newest actions of this nsqadmin, whichever way they came. The whole log is in its log lines, and in the file of --audit-log.";

export const page = {
  title: () => "Audit",
  view: () => null,
  create({ query }) {
    const again = h("button.button", { type: "button" }, icon("refresh"), "Refresh");
    const heading = createHeading({ title: "Audit log", lead: LEAD });
    heading.setActions(again);
    const notice = h("div", loadingState());
    const table = auditTable(query);
    table.element.hidden = true;
    const ending = new AbortController();
    const load = async () => {
      try {
        const { entries, file_error: fileError } = await get("audit", {}, ending.signal);
        replace(notice, fileError ? h("p.critical.audit-fault", icon("alert"), ` The file of the audit log cannot be written: ${fileError}`) : null);
        table.element.hidden = false;
        table.update(entries.map((entry, number) => ({ ...entry, key: `${entry.at}/${entries.length - number}` })));
      } catch (error) {
        if (ending.signal.aborted) return;
        table.element.hidden = true;
        replace(notice, failedState("The audit log could not be loaded", error.message));
      }
    };
    again.addEventListener("click", load);
    load();
    return { heading: heading.element, body: h("div", notice, table.element), update() {}, destroy: () => ending.abort() };
  },
};

function auditTable(query) {
  return createTable({
    caption: "Actions",
    query,
    key: (row) => row.key,
    columns: [
      { id: "at", label: "When", head: true, text: (row) => dateTime(row.at), value: (row) => row.at, orders: { asc: "oldest first", desc: "newest first" } },
      { id: "user", label: "Who", className: "wide", text: (row) => row.user ?? originText(row), cell: userCell },
      { id: "action", label: "What", text: (row) => actionText(row) },
      { id: "target", label: "Where", className: "wide", text: targetText, cell: targetCell },
      { id: "outcome", label: "Outcome", className: "wide", text: (row) => `${row.ok} ${row.text}`, cell: outcomeCell, value: (row) => Number(row.ok) },
    ],
    sort: { id: "at", direction: "desc" },
    filter: "Filter by user, action or name",
    searched: (row) => [row.user, originText(row), actionText(row), targetText(row), row.text].join(" "),
    conditions: [{ id: "failed", label: "Failed", test: (row) => !row.ok }],
    empty: () => emptyState("Nothing has been changed", "Actions are listed here from the start of this nsqadmin on."),
  });
}

function actionText({ action }) {
  return action.replaceAll("_", " ");
}

/** Behind a proxy, those that it names say more than the proxy's own address. */
function originText({ remote_ip, forwarded_for }) {
  return forwarded_for ? `${forwarded_for} via ${remote_ip}` : remote_ip;
}

function userCell(row) {
  const origin = originText(row);
  return row.user ? h("div", row.user, h("span.under", origin)) : h("span", origin);
}

function targetText({ topic, channel, node }) {
  return [topic, channel, node].filter(Boolean).join(" ");
}

function targetCell({ topic, channel, node }) {
  const name = channel ? `${topic}/${channel}` : topic;
  const href = channel ? links.channel(topic, channel) : links.topic(topic ?? "");
  return h("div", topic ? h("a.name", { href }, name) : null, node ? h("span.under", "on ", h("a.name", { href: links.node(node) }, node)) : null);
}

function outcomeCell({ ok, text, results }) {
  const label = ok ? badge("done", "good") : badge("failed", "critical");
  if (!results?.length) return h("div", label, text ? h("span.under", text) : null);
  return h("details.outcome", h("summary", label, ` ${counted(results.length, "address", "addresses")}`), text ? h("p", text) : null, createResults(results));
}
