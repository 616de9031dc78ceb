/** What is wrong with a node, as badges and as text, and which registries know it. */
import { h } from "../core/dom.js";
import { counted } from "../rules/format.js";
import { badge } from "./badge.js";

/** @param {any} node a NODE_ROW */
export function nodeBadges(node) {
  return states(node).map(([text, tone, title]) => badge(text, tone, title));
}

/**
 * The same as text, empty when nothing is wrong.
 * @param {any} node
 */
export function nodeStateText(node) {
  return states(node).map(([text]) => text).join(", ");
}

function states(node) {
  const found = [];
  if (!node.reachable) found.push(["unreachable", "critical", node.error ?? "It does not answer"]);
  if (node.health && node.health !== "OK") found.push(["unhealthy", "critical", node.health]);
  if (node.out_of_date) found.push(["out of date", "warning", `Other nodes run a later version than ${node.version}`]);
  if (node.restarts) found.push([counted(node.restarts, "restart"), "warning", "Actors of this node that failed and were started again"]);
  if (node.tombstoned_topics?.length) {
    found.push([counted(node.tombstoned_topics.length, "tombstone"), "info", `Tombstoned here: ${node.tombstoned_topics.join(", ")}`]);
  }
  return found;
}

/**
 * Why it is unreachable or unhealthy, in its own words; empty when it is neither.
 * @param {any} node
 */
export function nodeReason({ reachable, error, health }) {
  if (!reachable) return error ?? "";
  return health && health !== "OK" ? health.replace(/^NOK - /, "") : "";
}

/**
 * Whether the node has ever answered this nsqadmin; if not, the zeros in its row are none.
 * @param {any} node a NODE_ROW
 */
export function hasAnswered({ data_at }) {
  return data_at !== null;
}

/**
 * The row to show: `null` in place of each number that nobody knows.
 * @param {any} node a NODE_ROW
 */
export function knownOf(node) {
  if (hasAnswered(node)) return node;
  const counts = Object.fromEntries(Object.keys(node.counts).map((name) => [name, null]));
  return { ...node, counts, topic_count: null, channel_count: null, client_count: null };
}

/** How many of the registries know the node: `2 of 2`. */
export function registriesText({ registries }) {
  return `${registries.filter(({ known }) => known).length} of ${registries.length}`;
}

/** The same, marked when it is not known to all. */
export function registriesBadge(node) {
  const missing = node.registries.filter(({ known }) => !known).map(({ address }) => address);
  const text = registriesText(node);
  return missing.length ? badge(text, "warning", `Not known to ${missing.join(", ")}`) : h("span", text);
}
