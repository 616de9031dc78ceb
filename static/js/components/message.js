/** One message of a tail: when and where it was, and its body as JSON tree, text, or bytes. */
import { h, replace } from "../core/dom.js";
import { links } from "../core/base.js";
import { bytes, counted, integer } from "../rules/format.js";
import { describeBody, hexDump } from "../rules/body.js";
import { badge } from "./badge.js";
import { jsonTree } from "./jsontree.js";

const SHOWN_LENGTH = 2000;
const NS_PER_MS = 1_000_000n;
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

/**
 * @param {any} message as `api/v1/tail` sends it
 * @param {"tree" | "text"} view
 */
export function createMessage(message, view) {
  const body = describeBody(message);
  const holder = h("div.message-body");
  const element = h("li.message", head(message, body), holder);
  const show = (next) => replace(holder, render(body, next));
  show(view);
  return { element, show };
}

function head(message, body) {
  return h(
    "div.message-head",
    h("time.message-time", { title: message.timestamp }, clockOf(message.timestamp)),
    h("a.name", { href: links.node(message.node) }, message.node),
    h("span", bytes(message.size)),
    body.kind === "binary" ? badge("binary") : null,
    message.attempts > 1 ? badge(counted(message.attempts, "attempt"), "warning", "It was delivered here before") : null,
    message.truncated ? badge("cut off", "warning", "Only the beginning of the body is shown") : null,
    h("code.message-id", message.id),
  );
}

/** Time of day with milliseconds; the timestamp has nanoseconds and is more than a number can hold. */
function clockOf(timestamp) {
  return CLOCK.format(Number(BigInt(timestamp) / NS_PER_MS));
}

function render(body, view) {
  if (body.kind === "binary") return long(hexDump(body.bytes), "pre.message-bytes");
  if (body.kind === "json" && view === "tree") return jsonTree(body.value);
  return body.text === "" ? h("p.quiet", "empty") : long(body.text, "pre");
}

/** The beginning of a long text, and all of it on demand. */
function long(text, spec) {
  const pre = h(spec, text.slice(0, SHOWN_LENGTH));
  if (text.length <= SHOWN_LENGTH) return pre;
  const more = h("button.button", { type: "button" }, `Show all ${integer(text.length)} characters`);
  more.addEventListener("click", () => {
    pre.textContent = text;
    more.remove();
  });
  return [pre, more];
}
