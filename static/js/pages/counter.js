/** One large number: messages published, for a screen on the wall. */
import { h, setText } from "../core/dom.js";
import { integer, rate } from "../rules/format.js";
import { createChart } from "../components/chart.js";
import { createHeading } from "../components/heading.js";

const RATES = [
  { key: "in", label: "Published", colour: "--chart-in" },
  { key: "out", label: "Finished", colour: "--chart-out", dash: [5, 3] },
];
const LEAD = "Messages published to the topics that are there, as the nodes that answer have counted them.";

export const page = {
  title: () => "Counter",
  view: () => "counter",
  create() {
    const heading = createHeading({ title: "Counter", lead: LEAD });
    const total = h("p.counter-total");
    const published = h("dd");
    const finished = h("dd");
    const rates = h("dl.counter-rates", h("div", h("dt", "Published"), published), h("div", h("dt", "Finished"), finished));
    const chart = createChart({ title: "Messages per second", lines: RATES, format: rate });
    return {
      heading: heading.element,
      body: h("div.counter", total, rates, h("div.counter-chart", chart.element)),
      update(data) {
        setText(total, integer(data.messages));
        setText(published, rate(data.in_rate));
        setText(finished, rate(data.finished_rate));
        chart.update(data.series);
      },
      destroy: () => chart.destroy(),
    };
  },
};
