/** One message of a tail: when and where it was, and its body as JSON tree, text, or bytes. */
import { h, replace } from "../core/dom.js";
import { links } from "../core/base.js";
import { bytes, counted } from "../rules/format.js";
import { describeBody, hexDump } from "../rules/body.js";
import { badge } from "./badge.js";
import { jsonTree } from "./json-tree.js";

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
    h("a", { href: links.node(message.node) }, message.node),
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
  if (body.kind === "binary") return h("pre.message-bytes", { tabindex: "0", "aria-label": "Bytes" }, hexDump(body.bytes));
  if (body.kind === "json" && view === "tree") return jsonTree(body.value);
  return body.text === "" ? h("p.quiet", "empty") : h("pre", { tabindex: "0", "aria-label": "Text" }, body.text);
}
