/** The top bar: mark, pages, age of the data, pause, jump, theme. */
import { h, replace, setText } from "../core/dom.js";
import { base, links } from "../core/base.js";
import { setTheme, theme } from "../core/theme.js";
import { icon } from "../components/icons.js";
import { openJump } from "../components/jump.js";

const PAGES = [
  ["Overview", links.overview(), ["overview"]],
  ["Topics", links.topics(), ["topics", "topic", "channel", "tail"]],
  ["Nodes", links.nodes(), ["nodes", "node"]],
  ["Registries", links.registries(), ["registries"]],
  ["Lookup", links.lookup(), ["lookup"]],
  ["Counter", links.counter(), ["counter"]],
  ["Audit", links.audit(), ["audit"]],
];

const STATE_HELP = {
  waiting: "Waiting for the first data",
  live: "The data are pushed as they change",
  polling: "The stream is interrupted; the data are asked for instead",
  old: "The nodes have not been polled for a while",
  disconnected: "nsqadmin does not answer; what you see is old",
  paused: "You have paused the updates",
};

/**
 * @param {HTMLElement} element
 * @param {{onPause: (paused: boolean) => void}} listeners
 */
export function createHeader(element, { onPause }) {
  const freshness = createFreshness();
  const pause = createPause(onPause);
  const items = PAGES.map(([text, href, names]) => ({ names, link: h("a", { href }, text) }));
  const list = h(
    "ul",
    { id: "pages" },
    items.map(({ link }) => h("li", link)),
  );
  const nav = h("nav.pages", { "aria-label": "Pages" }, list);
  const menu = createMenu(nav);
  replace(element, mark(), menu, nav, h("div.header-side", freshness.element, pause.element, jumpButton(), themeSwitch()));
  return {
    /** @param {string} page name of the page that is shown */
    setPage(page) {
      menu.close();
      for (const { names, link } of items) markCurrent(link, names.includes(page));
    },
    /** @param {import("../rules/freshness.js").Freshness | null} state `null` on pages without live data */
    setFreshness(state) {
      freshness.set(state);
      pause.show(state !== null);
    },
    resume: () => pause.set(false),
  };
}

function markCurrent(link, current) {
  if (current) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}

function mark() {
  const image = h("img", { src: `${base}static/img/favicon.svg`, alt: "", width: "26", height: "26" });
  return h("a.mark", { href: links.overview(), "aria-label": "nsqadmin" }, image, h("span", "nsqadmin"));
}

function createMenu(nav) {
  const set = (open) => {
    nav.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  const toggle = () => set(button.getAttribute("aria-expanded") !== "true");
  const button = h(
    "button.icon-button.menu",
    { type: "button", "aria-expanded": "false", "aria-controls": "pages", "aria-label": "Pages", onclick: toggle },
    icon("menu"),
  );
  const escape = (event) => {
    if (event.key !== "Escape" || button.getAttribute("aria-expanded") !== "true") return;
    set(false);
    button.focus();
  };
  nav.addEventListener("keydown", escape);
  button.addEventListener("keydown", escape);
  button.close = () => set(false);
  return button;
}

function createFreshness() {
  const text = h("span.freshness-text");
  const element = h("div.freshness", { hidden: true }, h("span.dot", { "aria-hidden": "true" }), h("span.spoken", "Data: "), text);
  return {
    element,
    set(state) {
      element.hidden = state === null;
      if (state === null) return;
      element.dataset.state = state.state;
      element.title = STATE_HELP[state.state];
      setText(text, state.text);
    },
  };
}

function createPause(onPause) {
  let paused = false;
  const element = h("button.icon-button", { type: "button", hidden: true, onclick: () => set(!paused) });
  const draw = () => {
    const label = paused ? "Resume updates" : "Pause updates";
    element.setAttribute("aria-label", label);
    element.title = label;
    replace(element, icon(paused ? "play" : "pause"));
  };
  const set = (next) => {
    if (next === paused) return;
    paused = next;
    draw();
    onPause(paused);
  };
  draw();
  return { element, set, show: (visible) => (element.hidden = !visible) };
}

function jumpButton() {
  return h(
    "button.icon-button",
    { type: "button", "aria-label": "Jump to a topic, node or page", title: "Jump to … (Ctrl+K)", onclick: () => openJump() },
    icon("search"),
  );
}

function themeSwitch() {
  const names = { auto: ["as the system", "system"], light: ["light", "sun"], dark: ["dark", "moon"] };
  const order = ["auto", "light", "dark"];
  const draw = () => {
    const [text, image] = names[theme()];
    button.setAttribute("aria-label", `Colours: ${text}. Change`);
    button.title = `Colours: ${text}`;
    replace(button, icon(image));
  };
  const next = () => {
    setTheme(order[(order.indexOf(theme()) + 1) % order.length]);
    draw();
  };
  const button = h("button.icon-button.theme", { type: "button", onclick: next });
  draw();
  return button;
}
