/**
 * The four charts that overview, topic, channel and node share: rates, depth, in flight, and what went wrong. Each has its own scale:
 * beside a large backlog what is in flight would be a flat line.
 *
 *   const charts = createCharts();
 *   charts.update(data.series);
 *   charts.destroy();
 */
import { h } from "../core/dom.js";
import { integer, rate } from "../rules/format.js";
import { createChart } from "./chart.js";

const RATES = [
  { key: "in", label: "In", colour: "--chart-in" },
  { key: "out", label: "Out", colour: "--chart-out", dash: [5, 3] },
];
const DEPTH = [{ key: "depth", label: "Depth", colour: "--chart-depth" }];
const IN_FLIGHT = [{ key: "in_flight", label: "In flight", colour: "--chart-flight" }];
const TROUBLE = [
  { key: "requeues", label: "Requeues", colour: "--chart-requeues" },
  { key: "timeouts", label: "Timeouts", colour: "--chart-timeouts", dash: [5, 3] },
];

export function createCharts() {
  const charts = [
    createChart({ title: "Messages per second", lines: RATES, format: rate }),
    createChart({ title: "Messages waiting", lines: DEPTH, format: integer, whole: true }),
    createChart({ title: "Messages in flight", lines: IN_FLIGHT, format: integer, whole: true }),
    createChart({ title: "Requeues and timeouts", lines: TROUBLE, format: rate }),
  ];
  return {
    element: h(
      "section",
      h("h2.spoken", "What has happened lately"),
      h(
        "div.charts",
        charts.map((chart) => chart.element),
      ),
    ),
    /** @param {any} series SERIES of the API */
    update(series) {
      for (const chart of charts) chart.update(series);
    },
    destroy() {
      for (const chart of charts) chart.destroy();
    },
  };
}
