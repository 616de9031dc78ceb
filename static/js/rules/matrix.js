/** What stands where a node and a channel meet: pure, so that node can test it. */

/**
 * @typedef {object} Cell
 * @property {number | null} value
 * @property {boolean} missing the node has no such channel
 * @property {boolean} paused
 * @property {boolean} abandoned messages wait and no client fetches them here
 */

/**
 * @param {{channels: {channel: string, paused: boolean, counts: any}[]}} node
 * @param {string} channel
 * @param {(counts: any) => number | null} value
 * @returns {Cell}
 */
export function matrixCell(node, channel, value) {
  const found = node.channels.find((each) => each.channel === channel);
  if (!found) return { value: null, missing: true, paused: false, abandoned: false };
  const { counts, paused } = found;
  return { value: value(counts), missing: false, paused, abandoned: counts.clients === 0 && counts.depth > 0 };
}

/**
 * The rows with the highest values, at most `most` of them, ordered by name so that they do not change places.
 * @template Row
 * @param {Row[]} rows
 * @param {(row: Row) => number | null} value
 * @param {number} most
 * @param {(row: Row) => string} name
 * @returns {Row[]}
 */
export function busiest(rows, value, most, name) {
  const byName = (a, b) => (name(a) < name(b) ? -1 : 1);
  if (rows.length <= most) return [...rows].sort(byName);
  return [...rows]
    .sort((a, b) => (value(b) ?? -1) - (value(a) ?? -1))
    .slice(0, most)
    .sort(byName);
}
