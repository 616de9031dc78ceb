/**
 * The figures that overview, topic, channel and node have in common, for `createTiles`.
 *
 *   const { incoming, depth } = countTiles((data) => data.totals);
 *   createTiles([incoming, depth, { label: "Topics", … }]);
 */
import { compact, integer, rate } from "../rules/format.js";

/**
 * @param {(data: any) => any} countsOf finds COUNTS of the API in what the tiles are updated with
 */
export function countTiles(countsOf) {
  const tile = (label, title, value, note) => ({
    label,
    title,
    value: (data) => value(countsOf(data)),
    note: (data) => note(countsOf(data)),
  });
  return {
    incoming: tile(
      "In",
      "Messages published per second",
      (counts) => rate(counts.in_rate),
      (counts) => `${compact(counts.messages)} since start`,
    ),
    outgoing: tile(
      "Out",
      "Messages delivered and finished per second, all channels together",
      (counts) => rate(counts.out_rate),
      (counts) => `${compact(counts.finished)} finished`,
    ),
    depth: tile(
      "Depth",
      "Messages that wait",
      (counts) => integer(counts.depth),
      (counts) => `${compact(counts.backend_depth)} on disk`,
    ),
    inFlight: tile(
      "In flight",
      "Messages that clients have now",
      (counts) => integer(counts.in_flight),
      (counts) => `${compact(counts.deferred)} deferred`,
    ),
    requeued: tile(
      "Requeued",
      "Messages per second that clients gave back",
      (counts) => rate(counts.requeue_rate),
      (counts) => `${compact(counts.requeues)} in all`,
    ),
    timedOut: tile(
      "Timed out",
      "Messages per second that clients did not finish in time",
      (counts) => rate(counts.timeout_rate),
      (counts) => `${compact(counts.timeouts)} in all`,
    ),
  };
}
