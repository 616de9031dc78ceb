/**
 * Values over up to an hour as lines (uPlot), with what is read at the cursor beside their names, gaps where nothing is known, and a
 * summary in words. The left and right keys move the cursor; charts of one page move theirs together.
 *
 *   const chart = createChart({
 *     title: "Rates",
 *     format: rate,
 *     lines: [{ key: "in", label: "In", colour: "--chart-in" }, { key: "out", label: "Out", colour: "--chart-out", dash: [5, 3] }],
 *   });
 *   chart.update(data.series);   // SERIES of the API
 *   chart.destroy();
 */
import uPlot from "../../vendor/uPlot.esm.js";
import { h, setText, svg, uniqueId } from "../core/dom.js";
import { onThemeChange } from "../core/theme.js";
import { clock, compact, isKnown } from "../rules/format.js";
import { describe, shownSpan, timesOf } from "../rules/series.js";
import { colour, paleColour } from "./colours.js";

const WHOLE_MINUTES = [1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60);
const WHOLE_STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();
const SYNC = "page";

/** @typedef {{key: string, label: string, colour: string, dash?: number[]}} Line `colour`: a custom property; `dash`: told apart without colour */

/**
 * @param {{title: string, lines: Line[], format: (value: number | null) => string, whole?: boolean}} options `whole`: there are no halves
 */
export function createChart(options) {
  const chart = new Chart(options);
  return { element: chart.element, update: (series) => chart.update(series), destroy: () => chart.destroy() };
}

class Chart {
  constructor({ title, lines, format, whole = false }) {
    this.lines = lines;
    this.format = format;
    this.whole = whole;
    this.summary = h("p.spoken", { id: uniqueId("summary") });
    this.time = h("span.chart-time");
    this.values = lines.map(() => h("span.chart-value"));
    this.box = h("div.chart-box", { tabindex: "0", role: "img", "aria-label": `${title}, a chart`, "aria-describedby": this.summary.id });
    const legend = lines.map((line, i) => h("span.chart-key", swatch(line), h("span.quiet", line.label), this.values[i]));
    this.element = h(
      "figure.chart.card",
      h("figcaption", h("h3", title), this.time, h("div.chart-legend", legend)),
      this.box,
      this.summary,
    );
    this.box.addEventListener("keydown", (event) => this.moveCursor(event));
    this.vacant = h("span.chart-vacant", { hidden: true, "aria-hidden": "true" }, "Nothing is known yet");
    this.box.append(this.vacant);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.box);
    this.stopTheme = onThemeChange(() => this.rebuild());
  }

  /** @param {{step_ms: number, end: number}} series with a list of values for each line's key */
  update(series) {
    this.series = series;
    const columns = this.lines.map((line) => series[line.key] ?? []);
    const length = Math.max(0, ...columns.map((column) => column.length));
    this.vacant.hidden = columns.flat().some(isKnown);
    this.data = [timesOf(series.end, series.step_ms, length), ...columns];
    setText(this.summary, this.lines.map((line, i) => describe(line.label, columns[i], series.step_ms, this.format)).join(" "));
    if (this.plot) this.redraw();
    else this.resize();
  }

  redraw() {
    this.plot.setData(this.data, false);
    this.plot.setScale("x", this.range());
    this.showValues();
  }

  range() {
    const end = this.series.end / 1000;
    return { min: end - shownSpan(this.data.slice(1), this.series.step_ms), max: end };
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (width === 0 || !this.data) return;
    if (this.plot) return this.plot.setSize({ width, height });
    this.plot = new uPlot(this.plotOptions(width, height), this.data, this.box);
    this.redraw();
  }

  rebuild() {
    if (!this.plot) return;
    this.plot.destroy();
    this.plot = null;
    this.resize();
  }

  plotOptions(width, height) {
    const axis = {
      stroke: colour("--quiet"),
      font: `11px ${getComputedStyle(document.body).fontFamily}`,
      ticks: { show: false },
      grid: { stroke: colour("--chart-grid"), width: 1 },
    };
    return {
      width,
      height,
      padding: [10, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 }, sync: { key: SYNC, setSeries: false } },
      scales: { x: { time: true, auto: false }, y: { range: (_plot, _low, high) => [0, Math.max(high * 1.08, this.whole ? 4 : 0.4)] } },
      axes: [
        {
          ...axis,
          space: 40,
          size: 26,
          incrs: WHOLE_MINUTES,
          values: (_plot, times) => times.map((time) => clock(time * 1000).slice(0, 5)),
        },
        {
          ...axis,
          space: 34,
          incrs: this.whole ? WHOLE_STEPS : undefined,
          size: axisWidth,
          values: (_plot, values) => values.map((value) => this.axisText(value)),
        },
      ],
      series: [{}, ...this.lines.map((line, i) => this.lineOptions(line, i))],
      hooks: { setCursor: [() => this.showValues()] },
    };
  }

  axisText(value) {
    return this.whole ? compact(value) : compactRate(value);
  }

  lineOptions(line, i) {
    return {
      label: line.label,
      stroke: colour(line.colour),
      fill: i === 0 ? paleColour(line.colour, 9) : undefined,
      width: 1.6,
      dash: line.dash,
      spanGaps: false,
      points: { show: false },
    };
  }

  // At the cursor, or else the newest.
  showValues() {
    const index = this.plot?.cursor.idx ?? null;
    const at = index ?? (this.data?.[0].length ?? 0) - 1;
    setText(this.time, index === null ? "now" : clock(this.data[0][index] * 1000));
    for (const [i, value] of this.values.entries()) setText(value, this.format(this.data[i + 1][at] ?? null));
  }

  moveCursor(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12 }[event.key];
    if (!this.plot) return;
    if (event.key === "Escape") return this.setCursor(-10);
    if (!step) return;
    event.preventDefault();
    const last = this.data[0].length - 1;
    const index = Math.min(last, Math.max(0, (this.plot.cursor.idx ?? last) + step));
    this.setCursor(this.plot.valToPos(this.data[0][index], "x"));
  }

  // Both flags: the other charts of the page follow.
  setCursor(left) {
    this.plot.setCursor({ left, top: left < 0 ? left : 10 }, true, true);
  }

  destroy() {
    this.stopTheme();
    this.observer.disconnect();
    this.plot?.destroy();
  }
}

// Wide enough for its longest number.
function axisWidth(_plot, texts) {
  return 14 + 6.5 * Math.max(1, ...(texts ?? []).map((text) => text.length));
}

// The unit stands in the title.
function compactRate(value) {
  return value >= 10 || value === 0 ? compact(value) : String(Number(value.toPrecision(2)));
}

function swatch(line) {
  const path = svg("path", { d: "M1 5h16", "stroke-dasharray": line.dash?.join(" ") });
  const element = svg("svg.chart-swatch", { viewBox: "0 0 18 10", "aria-hidden": "true", focusable: "false" }, path);
  element.style.setProperty("color", `var(${line.colour})`);
  return element;
}
