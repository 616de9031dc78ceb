/** When a backlog will be gone: pure, so that node can test it. */
import { isKnown, span, UNKNOWN } from "./format.js";

/**
 * @typedef {object} Backlog a row of a topic or of a channel
 * @property {number | null} drain_s until the (deepest) channel is empty; `null` if it does not shrink, or if that is not known yet
 * @property {boolean} [growing]
 * @property {{depth: number | null, in_rate: number | null, out_rate: number | null}} counts
 */

/**
 * Seconds until it is gone: 0 where nothing waits, `Infinity` where it does not shrink, `null` where that is not known.
 * Messages can wait in a paused topic while its channels are empty, so that `drain_s` alone does not mean "empty".
 * @param {Backlog} row
 * @returns {number | null}
 */
export function drainSeconds({ drain_s: seconds, growing, counts }) {
  const { depth, in_rate: input, out_rate: output } = counts;
  if (depth === 0) return 0;
  if (isKnown(seconds) && seconds > 0) return seconds;
  if (growing) return Infinity;
  return depth > 0 && isKnown(input) && isKnown(output) && input >= output ? Infinity : null;
}

/**
 * The same as text: `empty`, `12 min`, `∞`, `–`.
 * @param {Backlog} row
 */
export function drainText(row) {
  const seconds = drainSeconds(row);
  if (seconds === null) return UNKNOWN;
  if (seconds === 0) return "empty";
  return seconds === Infinity ? "∞" : span(seconds);
}
