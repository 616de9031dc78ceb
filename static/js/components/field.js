/** An input with its label. */
import { h, uniqueId } from "../core/dom.js";

/**
 * @param {string} label
 * @param {HTMLElement} input
 */
export function field(label, input) {
  input.id = uniqueId("field");
  return h("div.field", h("label", { for: input.id }, label), input);
}
