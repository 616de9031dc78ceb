/**
 * A button that publishes a test message to a topic.
 *
 *   heading.setActions(createPublishButton("orders", () => nodes));
 */
import { h, replace } from "../core/dom.js";
import { post } from "../core/api.js";
import { describeFailure } from "../rules/actions.js";
import { encodePart } from "../rules/routes.js";
import { dialogButtons, openDialog } from "./dialog.js";
import { field } from "./field.js";
import { icon } from "./icons.js";
import { createResults } from "./results.js";
import { toast } from "./toast.js";

const DEFER_MS_MAX = 3_600_000; // nsqd's --max-req-timeout, unless it was set otherwise
const BODY_ROWS = 8;

/**
 * @param {string} topic
 * @param {() => string[]} nodes addresses of the nodes that have the topic
 */
export function createPublishButton(topic, nodes) {
  return h("button.button", { type: "button", onclick: () => new PublishDialog(topic, nodes()).show() }, icon("send"), "Publish");
}

class PublishDialog {
  constructor(topic, nodes) {
    this.topic = topic;
    this.body = h("textarea", { rows: BODY_ROWS, spellcheck: "false", autocapitalize: "off" });
    this.encoding = h("select", h("option", { value: "text" }, "text, as typed"), h("option", { value: "base64" }, "Base64"));
    this.node = h("select", h("option", { value: "" }, "any"), nodes.map((node) => h("option", { value: node }, node)));
    this.defer = h("input", { type: "number", min: 0, max: DEFER_MS_MAX, step: 1, value: 0, required: true });
    this.outcome = h("div.publish-outcome");
    this.button = h("button.button.button-main", { type: "submit" }, icon("send"), "Publish");
    this.dialog = openDialog(`Publish a test message to ${topic}`, { form: () => this.submit() });
  }

  show() {
    const close = h("button.button", { type: "button", onclick: () => this.dialog.close() }, "Close");
    const hint = "It is a real message: every channel of the topic gets it, and its consumers will work on it.";
    this.dialog.show(
      h("p.quiet", hint),
      field("Body", this.body),
      h("div.publish-fields", field("The body is", this.encoding), field("Node", this.node), field("Deferred by, ms", this.defer)),
      this.outcome,
      dialogButtons(close, this.button),
    );
    this.body.focus();
  }

  async submit() {
    const problem = this.problem();
    if (problem) return this.tell(problem);
    this.button.disabled = true;
    try {
      this.finish(await post(`topics/${encodePart(this.topic)}/publish`, this.message()));
    } catch (error) {
      this.tell(describeFailure(error));
    }
    this.button.disabled = false;
    this.button.focus();
  }

  /** Who has closed the dialog meanwhile. */
  isClosed() {
    return !this.dialog.element.isConnected;
  }

  /** What is wrong with the fields, in words; null when nothing is. */
  problem() {
    if (this.body.value === "") return "A message has at least one byte.";
    if (!this.defer.validity.valid) return `A message can be deferred by 0 to ${DEFER_MS_MAX} ms.`;
    return this.encoding.value === "base64" && !isBase64(this.body.value) ? "The body is not valid Base64." : null;
  }

  message() {
    return { body: this.body.value, encoding: this.encoding.value, node: this.node.value || null, defer_ms: Number(this.defer.value) };
  }

  tell(text, details = null) {
    if (this.isClosed()) toast(`Publish a test message to ${this.topic}? ${text}`, "bad");
    else replace(this.outcome, h("p.critical", { role: "alert" }, text), details);
  }

  finish(result) {
    const details = createResults(result.results, result.failures);
    if (!result.ok) return this.tell("It was not published.", details);
    if (this.isClosed()) toast(`Published to ${this.topic}.`, "good");
    else replace(this.outcome, h("p.good", { role: "status" }, "Published."), details);
  }
}

function isBase64(text) {
  try {
    return atob(text) !== "";
  } catch {
    return false;
  }
}
