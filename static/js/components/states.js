/**
 * What stands on a page when there are no rows to show: loading, nothing there, gone, failed. Each says what is so and what can
 * be done.
 *
 *   emptyState("No topics yet", "The first message or consumer makes one.", button)
 */
import { h } from "../core/dom.js";
import { icon } from "./icons.js";

/** Grey bars in the place of the data, for the first moment; screen readers hear "Loading". */
export function loadingState() {
  const bars = ["bar-tiles", "bar-short", "bar-long", "bar-long", "bar-long"].map((name) => h(`div.bar.${name}`));
  return h("div.loading", { role: "status" }, h("span.spoken", "Loading"), bars);
}

/**
 * Nothing is there, and that is not an error.
 * @param {string} title
 * @param {import("../core/dom.js").Child} [text]
 * @param {...Node} actions
 */
export function emptyState(title, text, ...actions) {
  return state("state-empty", title, text, actions);
}

/**
 * What the page is about does not exist.
 * @param {string} title
 * @param {import("../core/dom.js").Child} text
 * @param {...Node} actions
 */
export function goneState(title, text, ...actions) {
  return state("state-gone", title, text, actions);
}

/**
 * The data could not be loaded.
 * @param {string} title
 * @param {import("../core/dom.js").Child} text
 * @param {...Node} actions
 */
export function failedState(title, text, ...actions) {
  return state("state-failed", title, text, actions, "alert");
}

function state(name, title, text, actions, role) {
  return h(
    `div.state.${name}`,
    { role },
    role ? icon("alert") : null,
    h("p.state-title", title),
    text ? h("p.state-text", text) : null,
    actions.length ? h("div.state-actions", actions) : null,
  );
}
