/**
 * The buttons of a topic or channel for what a user may do; nothing for who may not. They are drawn again only when "paused" changes.
 *
 *   const actions = createActionButtons(heading, { topic: "orders" }, session, { before: [tailLink], onDeleted });
 *   actions.update("some");
 */
import { h } from "../core/dom.js";
import { openAction } from "./actiondialog.js";
import { icon } from "./icons.js";

/**
 * @param {ReturnType<typeof import("./heading.js").createHeading>} heading
 * @param {{topic: string, channel?: string}} target
 * @param {import("../core/session.js").Session} session
 * @param {{before?: Node[], onDeleted: () => void}} options
 */
export function createActionButtons(heading, target, session, { before = [], onDeleted }) {
  let shown = null;
  const kind = target.channel ? "channel" : "topic";
  return {
    /** @param {"no" | "some" | "all"} paused */
    update(paused) {
      if (!session.is_admin || paused === shown) return;
      const focused = document.activeElement?.dataset?.action;
      shown = paused;
      const buttons = actionsFor(paused).map((each) => button(each, kind, target, each.verb === "delete" ? onDeleted : undefined));
      heading.setActions(before, buttons);
      if (focused) restoreFocus(buttons, focused);
    },
  };
}

function actionsFor(paused) {
  return [
    paused !== "all" && { verb: "pause", label: "Pause", image: "pause" },
    paused !== "no" && { verb: "unpause", label: "Unpause", image: "play" },
    { verb: "empty", label: "Empty", image: "empty", danger: true },
    { verb: "delete", label: "Delete", image: "trash", danger: true },
  ].filter(Boolean);
}

function button({ verb, label, image, danger }, kind, target, onDone) {
  const open = () => openAction(`${verb}_${kind}`, target, { onDone });
  return h(
    "button.button",
    { type: "button", class: danger ? "button-danger" : "", dataset: { action: verb }, onclick: open },
    icon(image),
    label,
  );
}

// Who has just paused finds the focus on "Unpause".
function restoreFocus(buttons, action) {
  const other = { pause: "unpause", unpause: "pause" }[action];
  const next = [action, other].map((name) => buttons.find((each) => each.dataset.action === name)).find(Boolean);
  next?.focus();
}
