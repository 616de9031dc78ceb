/** The messages of a tail, newest first. They are put on screen at most a few times a second, however fast they come. */
import { h, replace, setText } from "../core/dom.js";
import { integer } from "../rules/format.js";
import { MessageLog, SHOWN_MAX } from "../rules/messagelog.js";
import { createMessage } from "./message.js";
import { icon } from "./icons.js";

const PAINT_MS = 200;

/**
 * @param {{view: "tree" | "text", onView: (view: "tree" | "text") => void}} options
 */
export function createMessageList({ view, onView }) {
  const log = new MessageLog();
  const rows = [];
  const list = h("ol.messages", { "aria-label": "Messages, newest first", reversed: true });
  const passed = h("p.quiet.messages-passed");

  const paint = () => {
    const { messages, surplus } = log.take();
    for (const message of messages) {
      const row = createMessage(message, view);
      rows.unshift(row);
      list.prepend(row.element);
    }
    for (let gone = 0; gone < surplus; gone += 1) rows.pop().element.remove();
    setText(passed, log.passed ? `The newest ${integer(SHOWN_MAX)} are shown; ${integer(log.passed)} before them are not.` : "");
  };
  const setView = (next) => {
    view = next;
    rows.forEach((row) => row.show(view));
    onView(view);
  };
  const clear = () => {
    log.clear();
    rows.length = 0;
    replace(list);
    paint();
  };

  const hold = createHold(log, paint);
  const timer = setInterval(paint, PAINT_MS);
  const clearButton = h("button.button", { type: "button", onclick: clear }, "Clear");
  return {
    element: h("section.tail-messages", h("div.toolbar", viewSwitch(view, setView), hold, clearButton), list, passed),
    add: (message) => log.add(message),
    clear,
    /** Puts the last ones on screen and stops. */
    destroy: () => clearInterval(timer),
  };
}

function viewSwitch(view, setView) {
  const choice = (value, text) => {
    const input = h("input", { type: "radio", name: "message-view", value, checked: value === view, onchange: () => setView(value) });
    return h("label", input, h("span", text));
  };
  return h("fieldset.segments", h("legend.spoken", "Show JSON as"), choice("tree", "JSON tree"), choice("text", "Text"));
}

function createHold(log, paint) {
  const button = h("button.button", { type: "button", "aria-pressed": "false" });
  const draw = () => replace(button, icon(log.held ? "play" : "pause"), log.held ? "Show new ones" : "Hold still");
  button.addEventListener("click", () => {
    log.held = !log.held;
    button.setAttribute("aria-pressed", String(log.held));
    draw();
    paint();
  });
  draw();
  return button;
}
