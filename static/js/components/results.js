/**
 * What each address answered to an action (`ACTION_RESULT`): also for publishing.
 *
 *   createResults(result.results, result.failures)
 */
import { h } from "../core/dom.js";
import { integer } from "../rules/format.js";
import { icon } from "./icons.js";

/**
 * @param {{address: string, stage: string, ok: boolean, status: number | null, text: string, ms: number}[]} results
 * @param {{address: string, stage: string, text: string}[]} [failures] of the stages before: who could not be asked where to act
 * @returns {HTMLElement}
 */
export function createResults(results, failures = []) {
  return h(
    "ul.results",
    failures.map((failure) => entry(false, failure.address, `${failure.stage}: not asked`, failure.text)),
    results.map((result) => entry(result.ok, result.address, `${result.stage}, ${integer(result.ms)} ms`, result.ok ? "" : reason(result))),
  );
}

function reason({ status, text }) {
  return [status === null ? "no answer" : `status ${status}`, text].filter(Boolean).join(": ");
}

function entry(ok, address, note, text) {
  const mark = h(ok ? "span.good" : "span.critical", icon(ok ? "check" : "cross"), h("span.spoken", ok ? "done" : "failed"));
  return h(
    "li.result",
    mark,
    h("span.result-address.mono", address),
    h("span.quiet.nowrap", note),
    text ? h("span.result-text", text) : null,
  );
}
