/**
 * The buttons of a topic or channel for what a user may do; nothing for who may not. They stay, and those that
 * make no sense now are hidden.
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
  if (!session.is_admin) return { update() {} };
  const kind = target.channel ? "channel" : "topic";
  const pause = button("Pause", "pause", () => open("pause", keepFocus));
  const unpause = button("Unpause", "play", () => open("unpause", keepFocus));
  const empty = button("Empty", "empty", () => open("empty"), true);
  const remove = button("Delete", "trash", () => open("delete", onDeleted), true);
  const open = (verb, onDone) => openAction(`${verb}_${kind}`, target, { onDone });
  // A dialog gives the focus back to the button that opened it, which may be hidden by then: who has paused finds it on "Unpause".
  const keepFocus = () => {
    if (document.activeElement === document.body) (pause.hidden ? unpause : pause).focus();
  };
  let shown = null;
  return {
    /** @param {"no" | "some" | "all"} paused */
    update(paused) {
      if (shown === null) heading.setActions(before, pause, unpause, empty, remove);
      if (paused === shown) return;
      shown = paused;
      const focused = [pause, unpause].includes(document.activeElement);
      pause.hidden = paused === "all";
      unpause.hidden = paused === "no";
      if (focused && document.activeElement.hidden) (pause.hidden ? unpause : pause).focus();
    },
  };
}

function button(label, image, onclick, danger = false) {
  return h("button.button", { type: "button", class: danger ? "button-danger" : "", onclick }, icon(image), label);
}
