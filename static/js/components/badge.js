/** Short labels: `badge("paused", "warning")`, and those that many pages share. */
import { h } from "../core/dom.js";
import { clock } from "../rules/format.js";

/**
 * @param {string} text
 * @param {"neutral" | "good" | "warning" | "critical" | "info"} [tone]
 * @param {string} [title] more words, for the pointer
 */
export function badge(text, tone = "neutral", title) {
  return h(`span.badge.badge-${tone}`, { title }, text);
}

/**
 * Badges of a topic or channel row.
 * @param {{paused?: string, ephemeral?: boolean, inactive?: boolean, growing?: boolean}} row
 * @returns {HTMLElement[]}
 */
export function stateBadges(row) {
  return stateNames(row).map(([text, tone, title]) => badge(text, tone, title));
}

/**
 * What `stateBadges` shows, as text: for filters and to see whether anything has changed.
 * @param {Parameters<typeof stateBadges>[0]} row
 */
export function stateText(row) {
  return stateNames(row)
    .map(([text]) => text)
    .join(" ");
}

function stateNames(row) {
  const names = [];
  if (row.paused === "all") names.push(["paused", "warning", "Paused on every node"]);
  if (row.paused === "some") names.push(["partly paused", "warning", "Paused on some nodes, but not on all"]);
  if (row.growing) names.push(["growing", "warning", "More comes in than goes out"]);
  if (row.inactive) names.push(["inactive", "neutral", "Known to the registries, but no node produces it now"]);
  if (row.ephemeral) names.push(["ephemeral", "neutral", "Goes with its last client; what does not fit into memory is dropped"]);
  return names;
}

/**
 * For a node that does not answer now, so that its old numbers are not taken for new ones; nothing for others.
 * @param {{since?: number | null, data_at?: number | null}} row `since`: when it stopped to answer; `data_at`: of when its numbers are
 */
export function silenceBadge({ since, data_at: at }) {
  if (!since) return null;
  return badge("no answer", "critical", `Since ${clock(since)}; ${at ? `its numbers are of ${clock(at)}` : "nothing is known of it"}`);
}
