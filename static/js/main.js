/** Starts the pages: asks who is there, draws the frame, and shows the page that the address names. */
import { h, replace } from "./core/dom.js";
import { loadSession } from "./core/session.js";
import { startRouter } from "./core/router.js";
import { failedState, loadingState } from "./components/states.js";
import { createHeader } from "./shell/header.js";
import { createHost } from "./shell/host.js";
import { createFooter } from "./shell/footer.js";
import { startShortcuts } from "./shell/shortcuts.js";

const main = document.getElementById("main");
const frame = { host: null };
const header = createHeader(document.getElementById("header"), { onPause: (paused) => frame.host?.setPaused(paused) });

async function start() {
  replace(main, loadingState());
  try {
    const session = await loadSession();
    createFooter(document.getElementById("footer"), session);
    frame.host = createHost(main, header, session);
    startShortcuts();
    startRouter(frame.host.show);
  } catch (error) {
    const retry = h("button.button", { type: "button", onclick: start }, "Try again");
    replace(main, h("h1.spoken", "nsqadmin"), failedState("nsqadmin does not answer", error.message, retry));
  }
}

start();
