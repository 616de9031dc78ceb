/**
 * A native modal dialog: it holds the focus, Escape closes it, and the focus goes back to where it was.
 *
 *   const dialog = openDialog("Pause orders?");
 *   dialog.show(h("p", "…"), dialogButtons(cancel, confirm));
 *   dialog.close();
 */
import { h, replace, uniqueId } from "../core/dom.js";

/**
 * @param {string} title
 * @param {{onClose?: () => void, form?: (event: SubmitEvent) => void}} [options] with `form`, Enter submits to it
 */
export function openDialog(title, { onClose, form } = {}) {
  const id = uniqueId("dialog");
  const heading = h("h2", { id }, title);
  const content = form ? h("form", { novalidate: true, autocomplete: "off" }) : h("div.dialog-body");
  const element = h("dialog.dialog", { "aria-labelledby": id }, content);
  const opener = document.activeElement;
  if (form) {
    content.addEventListener("submit", (event) => {
      event.preventDefault();
      form(event);
    });
  }
  element.addEventListener("close", () => {
    element.remove();
    if (opener?.isConnected) opener.focus();
    onClose?.();
  });
  // A press that begins and ends outside closes it; one that began inside, e.g. selecting text, does not.
  let outside = false;
  element.addEventListener("pointerdown", (event) => (outside = event.target === element));
  element.addEventListener("click", (event) => {
    if (outside && event.target === element) element.close();
  });
  replace(content, heading);
  document.body.append(element);
  element.showModal();
  return {
    element,
    /** @param {...import("../core/dom.js").Child} children shown below the title */
    show: (...children) => replace(content, heading, ...children),
    close: () => element.close(),
  };
}

/**
 * The row of buttons at the foot.
 * @param {...Node} buttons the main one last
 */
export function dialogButtons(...buttons) {
  return h("div.dialog-buttons", buttons);
}
