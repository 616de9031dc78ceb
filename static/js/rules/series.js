/** What can be said of values over time: pure, so that node can test it. `null` means unknown. */
import { isKnown, span } from "./format.js";

/**
 * The stretches of known values.
 * @param {(number | null)[]} values
 * @returns {{index: number, value: number}[][]}
 */
export function segments(values) {
  const runs = [];
  let run = null;
  for (const [index, value] of values.entries()) {
    if (!isKnown(value)) {
      run = null;
      continue;
    }
    if (!run) runs.push((run = []));
    run.push({ index, value });
  }
  return runs;
}

/**
 * The newest value, `null` when it is not known: an older one is not "now".
 * @param {(number | null)[]} values
 * @returns {number | null}
 */
export function newest(values) {
  return values.at(-1) ?? null;
}

const SPANS_S = [300, 900, 1800, 3600];

/**
 * How much time a chart shows, in seconds: the shortest that holds all that is known, so that a young history is no thin stripe; the
 * hour once there is more than half of one.
 * @param {(number | null)[][]} lines values, oldest first
 * @param {number} stepMs
 */
export function shownSpan(lines, stepMs) {
  const known = Math.max(0, ...lines.map((values) => values.length - Math.max(0, values.findIndex(isKnown))));
  return SPANS_S.find((seconds) => seconds * 1000 >= known * stepMs) ?? SPANS_S.at(-1);
}

/**
 * A line of a chart in words, for those who cannot see it.
 * @param {string} label
 * @param {(number | null)[]} values oldest first
 * @param {number} stepMs
 * @param {(value: number | null) => string} format
 */
export function describe(label, values, stepMs, format) {
  const known = values.filter(isKnown);
  if (known.length === 0) return `${label}: nothing is known yet.`;
  const lowest = Math.min(...known);
  const highest = Math.max(...known);
  const gaps = values.length - known.length;
  const missing = gaps > 0 ? ` Not known for ${span((gaps * stepMs) / 1000)}.` : "";
  const now = newest(values);
  return `${label}: now ${now === null ? "unknown" : format(now)}, between ${format(lowest)} and ${format(highest)} in the time shown.${missing}`;
}

/**
 * The times of a series in seconds, oldest first, as the chart wants them.
 * @param {number} end ms since the epoch, of the newest value
 * @param {number} stepMs
 * @param {number} length
 * @returns {number[]}
 */
export function timesOf(end, stepMs, length) {
  return Array.from({ length }, (_, i) => (end - (length - 1 - i) * stepMs) / 1000);
}
