/**
 * Longer history than nsqadmin keeps, as pictures from Graphite; only where one is configured.
 *
 *   const history = createGraphite(session, query, [{ title: "Depth", metric: { topic: "orders", measure: "depth", kind: "gauge" } }]);
 *   body.append(history.element);      // a section, or nothing without Graphite
 *   history.destroy();
 */
import { h, replace, uniqueId } from "../core/dom.js";
import { onThemeChange } from "../core/theme.js";
import { INTERVALS, pictureUrl } from "../rules/graphite.js";
import { hexColour } from "./colours.js";

const STORED = "graph_interval"; // upstream's name, so that a choice made there holds here
const REFRESH_MS = 60_000;
const WIDTH = 640;
const HEIGHT = 220;

/**
 * @param {import("../core/session.js").Session} session
 * @param {import("../core/query.js").Query} query `t` in the address is stronger than the remembered choice
 * @param {{title: string, metric: import("../rules/graphite.js").Metric}[]} graphs
 */
export function createGraphite(session, query, graphs) {
  if (!session.graphite) return { element: null, destroy() {} };
  const history = new History(session.graphite, query, graphs);
  return { element: history.element, destroy: () => history.destroy() };
}

class History {
  constructor(graphite, query, graphs) {
    this.graphite = graphite;
    this.query = query;
    this.graphs = graphs;
    const id = uniqueId("interval");
    this.select = h(
      "select",
      { id },
      h("option", { value: "off" }, "off"),
      INTERVALS.map((interval) => h("option", { value: interval }, interval)),
    );
    this.select.value = chosen(query);
    this.select.addEventListener("change", () => this.choose(this.select.value));
    this.pictures = h("div.pictures");
    const title = h(
      "div.section-head",
      h("h2", "Longer history"),
      h("p", "from Graphite"),
      h("div.tools-side", h("label", { for: id }, "Time "), this.select),
    );
    this.element = h("section.section", title, this.pictures);
    this.stopTheme = onThemeChange(() => this.draw());
    this.timer = setInterval(() => this.draw(), REFRESH_MS);
    this.draw();
  }

  choose(interval) {
    this.query.set("t", interval);
    try {
      localStorage.setItem(STORED, interval);
    } catch {
      // Storage may be forbidden; the address has it.
    }
    this.draw();
  }

  draw() {
    const interval = this.select.value;
    replace(this.pictures, interval === "off" ? null : this.graphs.map((graph) => this.picture(graph, interval)));
  }

  picture({ title, metric }, interval) {
    const look = {
      interval,
      width: WIDTH,
      height: HEIGHT,
      background: hexColour("--surface"),
      text: hexColour("--quiet"),
      line: hexColour(metric.measure === "depth" ? "--chart-depth" : "--chart-in"),
    };
    const image = h("img", {
      src: pictureUrl(this.graphite, metric, look),
      alt: `${title} over the last ${interval}, a picture from Graphite`,
      width: WIDTH,
      height: HEIGHT,
      loading: "lazy",
    });
    const figure = h("figure.picture.card", h("figcaption", title), image);
    image.addEventListener("error", () => image.replaceWith(h("p.quiet.picture-failed", "Graphite did not give this picture.")));
    return figure;
  }

  destroy() {
    clearInterval(this.timer);
    this.stopTheme();
  }
}

function chosen(query) {
  const known = ["off", ...INTERVALS];
  return [query.get("t"), stored()].find((interval) => known.includes(interval)) ?? "2h";
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
