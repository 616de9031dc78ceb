/**
 * Names and values that hardly ever change.
 *
 *   const facts = createFacts([["Version", (node) => node.version]]);
 *   facts.update(node);
 */
import { h, setText } from "../core/dom.js";
import { UNKNOWN } from "../rules/format.js";

/** @param {[string, (data: any) => string | number | null][]} definitions */
export function createFacts(definitions) {
  const facts = definitions.map(([label, value]) => ({ label, value, shown: h("dd") }));
  return {
    element: h("dl.facts", facts.map(({ label, shown }) => h("div", h("dt", label), shown))),
    /** @param {any} data given to each fact's function */
    update(data) {
      for (const { value, shown } of facts) setText(shown, String(value(data) ?? "") || UNKNOWN);
    },
  };
}
