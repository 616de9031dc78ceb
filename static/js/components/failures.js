/**
 * The banner with what did not answer: each failed address with the stage, the error and since when. It stays open or closed as the user left it while the data change.
 *
 *   const failures = createFailures();
 *   failures.update(data.failures, data.now);
 */
import { h, replace, setText } from "../core/dom.js";
import { ago, counted, clock } from "../rules/format.js";
import { icon } from "./icons.js";

/** @typedef {{address: string, stage: string, status: number | null, text: string, since: number | null}} Failure */

const STAGES = {
  stats: "its statistics",
  info: "its description",
  nodes: "its list of nodes",
  topics: "its list of topics",
  lookup: "its producers of the topic",
};

export function createFailures() {
  const summary = h("span");
  const list = h("ul.failures-list");
  const element = h("details.failures", { hidden: true }, h("summary", icon("alert"), summary, h("span.more", "Details")), list);
  let shown = "";
  return {
    element,
    /**
     * @param {Failure[]} failures
     * @param {number} now server's time, ms
     */
    update(failures, now) {
      element.hidden = failures.length === 0;
      setText(summary, summarize(failures));
      const next = JSON.stringify([failures, Math.floor(now / 10_000)]);
      if (next === shown) return;
      shown = next;
      replace(
        list,
        failures.map((failure) => entry(failure, now)),
      );
    },
  };
}

/**
 * One sentence for all failures.
 * @param {Failure[]} failures
 */
function summarize(failures) {
  const addresses = [...new Set(failures.map((failure) => failure.address))];
  const named = addresses.length <= 2 ? addresses.join(" and ") : counted(addresses.length, "address", "addresses");
  return `${named} did not answer: ${addresses.length === 1 ? "its" : "their"} numbers are old or missing here.`;
}

function entry(failure, now) {
  const answered = failure.status === null ? "" : ` (status ${failure.status})`;
  return h(
    "li",
    h("code", failure.address),
    ` was asked for ${STAGES[failure.stage] ?? failure.stage}${answered}: `,
    h("span.failure-text", failure.text),
    failure.since ? h("span.quiet", { title: clock(failure.since) }, ` · first ${ago(failure.since, now)}`) : null,
  );
}
