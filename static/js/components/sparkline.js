/**
 * A line as small as a word, from 0 to the highest value; gaps where nothing is known. For the eye only: the numbers stand beside it.
 *
 *   sparkline(row.spark, "in")
 */
import { svg } from "../core/dom.js";
import { segments } from "../rules/series.js";

const WIDTH = 96;
const HEIGHT = 22;
const EDGE = 1.5;
/** Values of a full line; a younger one begins further to the right. */
const SLOTS = 60;

/**
 * @param {(number | null)[]} values oldest first
 * @param {"in" | "depth"} kind its colour
 * @returns {SVGElement}
 */
export function sparkline(values, kind) {
  const highest = Math.max(0, ...values.filter((value) => value !== null));
  const first = Math.max(0, SLOTS - values.length);
  const x = (i) => round(((first + i) / (first + values.length - 1)) * WIDTH);
  const y = (value) => round(HEIGHT - EDGE - (highest > 0 ? value / highest : 0) * (HEIGHT - 2 * EDGE));
  const runs = segments(values);
  const lines = runs.map(
    (run) => "M" + run.map(({ index, value }) => `${x(index)} ${y(value)}`).join("L") + (run.length === 1 ? "h.01" : ""),
  );
  const areas = runs.map((run, i) => `${lines[i]}L${x(run.at(-1).index)} ${HEIGHT}L${x(run[0].index)} ${HEIGHT}Z`);
  return svg(
    `svg.spark.spark-${kind}`,
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    svg("path.spark-area", { d: areas.join("") }),
    svg("path.spark-line", { d: lines.join("") }),
  );
}

function round(value) {
  return Math.round(value * 10) / 10;
}
