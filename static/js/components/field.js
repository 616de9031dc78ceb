/** An input with its label, a hint, and room for what is wrong with it. */
import { h, setText, uniqueId } from "../core/dom.js";

/**
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} [hint]
 */
export function field(label, input, hint) {
  const { element } = createField(label, input, hint);
  return element;
}

/**
 * The same, when what was typed can be wrong.
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} [hint]
 */
export function createField(label, input, hint) {
  const id = uniqueId("field");
  const fault = h("p.field-fault", { id: `${id}-fault`, role: "alert" });
  input.id = id;
  const note = hint ? h("p.field-hint", { id: `${id}-hint` }, hint) : null;
  if (note) input.setAttribute("aria-describedby", note.id);
  return {
    element: h("div.field", h("label", { for: id }, label), input, note, fault),
    /** @param {string | null} text what is wrong, null when nothing is */
    setFault(text) {
      setText(fault, text ?? "");
      input.setAttribute("aria-invalid", String(Boolean(text)));
      input.setAttribute("aria-describedby", text ? fault.id : (note?.id ?? ""));
    },
  };
}
