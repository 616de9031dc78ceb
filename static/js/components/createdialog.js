/**
 * Buttons that make a topic or a channel, with the names checked while one types.
 *
 *   heading.setActions(createTopicButton());
 *   heading.setActions(createChannelButton("orders"));
 */
import { h, replace, uniqueId } from "../core/dom.js";
import { links } from "../core/base.js";
import { post } from "../core/api.js";
import { navigate } from "../core/router.js";
import { describeFailure, summarizeResult } from "../rules/actions.js";
import { nameProblem } from "../rules/names.js";
import { dialogButtons, openDialog } from "./dialog.js";
import { icon } from "./icons.js";
import { createResults } from "./results.js";
import { toast } from "./toast.js";

/** Makes a topic and, if one likes, its first channel. */
export function createTopicButton() {
  const open = () => new CreateDialog("Create a topic", null).show();
  return h("button.button", { type: "button", onclick: open }, icon("plus"), "Create topic");
}

/** @param {string} topic */
export function createChannelButton(topic) {
  const open = () => new CreateDialog(`Create a channel of ${topic}`, topic).show();
  return h("button.button", { type: "button", onclick: open }, icon("plus"), "Create channel");
}

class CreateDialog {
  constructor(title, topic) {
    this.topic = topic;
    this.fields =
      topic === null
        ? [nameField("topic", "Topic", true), nameField("channel", "First channel (optional)", false)]
        : [nameField("channel", "Channel", true)];
    this.outcome = h("div", { role: "alert" });
    this.button = h("button.button.button-main", { type: "submit" }, "Create");
    this.dialog = openDialog(title, { form: () => this.submit() });
  }

  show() {
    const cancel = h("button.button", { type: "button", onclick: () => this.dialog.close() }, "Cancel");
    const hint = "Letters, digits, and . _ - ; at most 64 characters; #ephemeral at the end for one that is not kept.";
    this.dialog.show(
      this.fields.map((field) => field.element),
      h("p.quiet", hint),
      this.outcome,
      dialogButtons(cancel, this.button),
    );
    this.fields[0].input.focus();
  }

  async submit() {
    const wrong = this.fields.find((field) => !field.check());
    if (wrong) return wrong.input.focus();
    this.button.disabled = true;
    try {
      this.finish(await post("actions", this.action()));
    } catch (error) {
      this.showFailure(describeFailure(error));
    }
    this.button.disabled = false;
  }

  action() {
    const typed = Object.fromEntries(this.fields.map(({ key, input }) => [key, input.value]));
    const names = { topic: this.topic, ...typed };
    if (!names.channel) delete names.channel;
    this.names = names;
    return { action: names.channel ? "create_channel" : "create_topic", ...names };
  }

  name() {
    const { topic, channel } = this.names;
    return channel ? `${topic}/${channel}` : topic;
  }

  /** Who has closed the dialog meanwhile is elsewhere, and stays there. */
  isClosed() {
    return !this.dialog.element.isConnected;
  }

  showFailure(text, details = null) {
    if (this.isClosed()) toast(`Create ${this.name()}? ${text}`, "bad");
    else replace(this.outcome, h("p.critical", text), details);
  }

  finish(result) {
    const { topic, channel } = this.names;
    const text = summarizeResult(result, `Created ${this.name()}`);
    if (!result.ok) return this.showFailure(text, createResults(result.results, result.failures));
    const closed = this.isClosed();
    this.dialog.close();
    toast(text, "good");
    if (!closed) navigate(channel ? links.channel(topic, channel) : links.topic(topic));
  }
}

function nameField(key, label, required) {
  const id = uniqueId(key);
  const problem = h("p.critical", { id: `${id}-problem`, role: "alert" });
  const input = h("input", { id, type: "text", spellcheck: "false", autocapitalize: "off", "aria-describedby": problem.id });
  const check = (final = true) => {
    const text = input.value === "" ? (final && required ? `Give the ${key} a name.` : "") : nameProblem(input.value);
    problem.textContent = text;
    input.setAttribute("aria-invalid", String(text !== ""));
    return text === "";
  };
  input.addEventListener("input", () => check(false));
  return { key, input, check, element: h("div.field", h("label", { for: id }, label), input, problem) };
}
