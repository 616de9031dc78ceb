/** The page for addresses where there is none, and for pages whose script cannot be loaded. */
import { h } from "../core/dom.js";
import { links } from "../core/base.js";
import { createHeading } from "../components/heading.js";
import { failedState, goneState } from "../components/states.js";

export const page = {
  title: () => "Not found",
  view: () => null,
  create() {
    const home = h("a.button", { href: links.overview() }, "Go to the overview");
    const text = "The address may be mistyped, or from another version of nsqadmin.";
    return { heading: createHeading({ title: "There is no such page" }).element, body: h("div", goneState("Nothing here", text, home)) };
  },
};

/**
 * @param {Error} error why the script of the page did not load
 */
export function brokenPage(error) {
  const reload = () => location.reload();
  return {
    title: () => "Failed",
    view: () => null,
    create() {
      const button = h("button.button", { type: "button", onclick: reload }, "Load again");
      const heading = createHeading({ title: "This page cannot be shown" }).element;
      return { heading, body: h("div", failedState("Its script did not load", error.message, button)) };
    },
  };
}
