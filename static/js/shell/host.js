/**
 * Shows one page at a time: loads its module, opens its view, and keeps what all pages share: loading, failures, gone, title, focus.
 *
 * A module in `pages/` exports one `page`:
 *
 *   export const page = {
 *     title: (params) => "orders",                       // of the document, before " · nsqadmin"
 *     view: (params) => `topics/${encodePart(params.topic)}`,   // below api/v1, or null: the page asks for itself
 *     create(context) {                                  // context: {params, session, query}
 *       return { heading, body, update(data) {}, destroy() {} };
 *     },
 *   };
 *
 * `heading` (an element with the `h1`) is shown at once; `body` when the first data have been given to `update`, or at once where
 * there is no view. `destroy` is optional; timers and streams of the page end there.
 */
import { h, replace } from "../core/dom.js";
import { openLive } from "../core/live.js";
import { openQuery } from "../core/query.js";
import { links } from "../core/base.js";
import { createFailures } from "../components/failures.js";
import { icon } from "../components/icons.js";
import { failedState, goneState, loadingState } from "../components/states.js";
import { describeFreshness } from "../rules/freshness.js";

/**
 * @typedef {object} Context what a page is created with
 * @property {Object<string, string>} params of its path
 * @property {import("../core/session.js").Session} session
 * @property {import("../core/query.js").Query} query its state in the address
 */

const TICK_MS = 500;

/**
 * @param {HTMLElement} main
 * @param {ReturnType<typeof import("./header.js").createHeader>} header
 * @param {import("../core/session.js").Session} session
 */
export function createHost(main, header, session) {
  const host = new Host(main, header, session);
  setInterval(() => host.tick(), TICK_MS);
  return {
    /** @param {import("../core/router.js").Visit} visit */
    show: (visit) => host.show(visit),
    /** @param {boolean} paused */
    setPaused: (paused) => host.live?.setPaused(paused),
  };
}

class Host {
  constructor(main, header, session) {
    this.main = main;
    this.header = header;
    this.session = session;
    this.visits = 0;
  }

  async show(visit) {
    const number = (this.visits += 1);
    this.leave();
    this.header.setPage(visit.name);
    const module = await loadPage(visit.name);
    if (number !== this.visits) return;
    this.visit = visit;
    this.place(module);
    if (!visit.first) this.main.querySelector("h1")?.focus({ preventScroll: true });
  }

  leave() {
    this.live?.close();
    this.live = null;
    this.shown?.destroy?.();
    this.shown = null;
    this.header.resume();
    this.tick();
  }

  place(page) {
    const { params } = this.visit;
    document.title = `${page.title(params)} · nsqadmin`;
    this.shown = page.create({ params, session: this.session, query: openQuery() });
    this.failures = createFailures();
    this.outage = createOutage(() => this.live.retry());
    this.notice = h("div.notice-slot");
    this.shown.body.hidden = true;
    replace(this.main, this.shown.heading, this.outage.element, this.failures.element, this.notice, this.shown.body);
    const view = page.view(params);
    if (view === null) this.reveal();
    else this.open(view);
  }

  open(view) {
    replace(this.notice, loadingState());
    this.live = openLive(view, {
      onView: (data) => this.update(data),
      onGone: (problem) => this.gone(problem),
      onFailure: (error) => this.failed(error),
      onChange: () => this.tick(),
    });
    this.tick();
  }

  update(data) {
    this.outage.end();
    this.failures.update(data.failures ?? [], data.now);
    this.shown.update(data);
    this.reveal();
  }

  reveal() {
    replace(this.notice);
    if (!this.shown.body.hidden) return;
    this.shown.body.hidden = false;
    scrollTo(0, this.visit.scroll);
  }

  gone(problem) {
    this.outage.end();
    this.shown.body.hidden = true;
    const text =
      problem.text || "It may have been deleted, or it lives on a node that does not answer now. The page shows it as soon as it is there.";
    const [what, up, upLink] = GONE[this.visit.name] ?? ["Nothing", "Overview", links.overview()];
    replace(this.notice, goneState(`${what} of this name is known`, text, h("a.button", { href: upLink }, `All ${up}`)));
  }

  // Old data stay on the page, and the header tells their age. What is said already is not said again at each try.
  failed(error) {
    if (!this.shown.body.hidden) return this.outage.begin(error);
    if (this.notice.querySelector(".state-failed .state-text")?.textContent === error.message) return;
    const retry = h("button.button", { type: "button", onclick: () => this.live.retry() }, "Try again");
    replace(this.notice, failedState("The data could not be loaded", error.message, retry));
  }

  tick() {
    this.header.setFreshness(this.live ? describeFreshness(this.live.status()) : null);
  }
}

// The line above old data. Its text is set once for each outage, so that screen readers say it once.
function createOutage(retry) {
  const text = h("span");
  const button = h("button.button", { type: "button", onclick: retry }, "Try again");
  const element = h("div.outage-slot", { role: "status" });
  return {
    element,
    begin(error) {
      const next = `${error.message} What you see was the state before; it goes on by itself.`;
      if (element.childElementCount && text.textContent === next) return;
      text.textContent = next;
      replace(element, h("div.outage", icon("alert"), text, button));
    },
    end: () => replace(element),
  };
}

const GONE = {
  topic: ["No topic", "topics", links.topics()],
  channel: ["No channel", "topics", links.topics()],
  node: ["No node", "nodes", links.nodes()],
};

async function loadPage(name) {
  try {
    return (await import(`../pages/${name}.js`)).page;
  } catch (error) {
    console.error(error);
    return (await import("../pages/missing.js")).brokenPage(error);
  }
}
