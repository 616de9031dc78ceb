/**
 * Carries out an action in a dialog: asks `api/v1/impact` and shows what it will hit, has the name typed for what destroys, posts to
 * `api/v1/actions`, and shows what each address answered, with a retry for those that failed.
 *
 *   openAction("delete_topic", { topic: "orders" }, { onDone: () => navigate(links.topics()) });
 */
import { h, replace, uniqueId } from "../core/dom.js";
import { get, post } from "../core/api.js";
import { addressesToRetry, describeFailure, summarizeResult, wordsOf } from "../rules/actions.js";
import { counted, integer, isKnown } from "../rules/format.js";
import { dialogButtons, openDialog } from "./dialog.js";
import { icon } from "./icons.js";
import { createResults } from "./results.js";
import { toast } from "./toast.js";

const NAMED_MAX = 8;

/**
 * @param {import("../rules/actions.js").Action} action
 * @param {import("../rules/actions.js").Target} target
 * @param {{onDone?: () => void}} [options] `onDone` after it was done everywhere and the dialog is closed
 */
export function openAction(action, target, options = {}) {
  new ActionDialog(action, target, options).ask();
}

class ActionDialog {
  constructor(action, target, { onDone }) {
    this.action = action;
    this.target = target;
    this.words = wordsOf(action, target);
    this.asking = new AbortController();
    this.dialog = openDialog(this.words.title, {
      form: () => this.submit(),
      onClose: () => {
        this.asking.abort();
        if (this.done) onDone?.();
      },
    });
  }

  async ask() {
    this.dialog.show(
      h("p", this.words.meaning),
      h("p.quiet", { role: "status" }, "Asking the nodes what this will hit …"),
      this.buttons(null),
    );
    try {
      const impact = await get("impact", { action: this.action, ...this.target }, this.asking.signal);
      if (!this.asking.signal.aborted) this.showImpact(impact);
    } catch (error) {
      if (!this.asking.signal.aborted) this.showFailure(error, () => this.ask());
    }
  }

  showImpact(impact) {
    this.button = h("button.button", { type: "submit", class: this.words.destroys ? "button-destroy" : "button-main" }, this.words.button);
    this.expected = impact.confirm;
    this.button.disabled = impact.confirm !== null;
    const field = impact.confirm === null ? null : this.confirmField(impact.confirm);
    this.error = h("p.critical", { role: "alert" });
    this.dialog.show(
      h("p", this.words.meaning),
      impactFigures(impact),
      impactWarnings(impact.warnings ?? []),
      impactPlaces(impact),
      field,
      this.error,
      this.buttons(this.button),
    );
    (this.input ?? this.button).focus();
  }

  confirmField(text) {
    const id = uniqueId("confirm");
    this.input = h("input", { id, type: "text", spellcheck: "false", autocapitalize: "off", autocomplete: "off" });
    this.input.addEventListener("input", () => (this.button.disabled = this.input.value !== text));
    return h("div.field", h("label", { for: id }, "To confirm, type ", h("code", text)), this.input);
  }

  buttons(main) {
    const cancel = h("button.button", { type: "button", onclick: () => this.dialog.close() }, "Cancel");
    return main ? dialogButtons(cancel, main) : dialogButtons(cancel);
  }

  submit() {
    if (this.button && !this.button.disabled) this.run();
  }

  async run(only = null) {
    this.button.disabled = true;
    replace(this.error);
    try {
      const confirm = this.expected ?? undefined;
      this.showResult(await post("actions", { action: this.action, ...this.target, confirm, only: only ?? undefined }), only);
    } catch (error) {
      this.showRefusal(describeFailure(error));
    }
  }

  showRefusal(text) {
    if (this.isClosed()) return this.tellOutside(text);
    this.button.disabled = false;
    replace(this.error, text);
    this.button.focus();
  }

  /** Who has closed the dialog meanwhile. */
  isClosed() {
    return !this.dialog.element.isConnected;
  }

  tellOutside(text) {
    toast(`${this.words.title} ${text}`, "bad");
  }

  showResult(result, only) {
    this.results = only ? mergeResults(this.results, result.results) : result.results;
    const failed = this.results.filter((each) => !each.ok);
    const text = summarizeResult({ ok: result.ok && failed.length === 0, results: this.results }, this.words.done);
    if (result.ok && failed.length === 0) {
      this.done = true;
      this.dialog.close();
      toast(text, "good");
      return;
    }
    if (this.isClosed()) this.tellOutside(text);
    else this.showPartial(text, result.failures ?? []);
  }

  showPartial(text, failures) {
    const only = addressesToRetry(this.results, failures);
    const label = only === null ? "Try again" : `Retry on ${counted(only.length, "address", "addresses")}`;
    const retriable = only === null || only.length > 0;
    this.button = h("button.button.button-main", { type: "button", onclick: () => this.run(only) }, label);
    const close = h("button.button", { type: "button", onclick: () => this.dialog.close() }, "Close");
    this.error = h("p.critical", { role: "alert" }, text);
    this.dialog.show(
      this.error,
      createResults(this.results, failures),
      retriable ? dialogButtons(close, this.button) : dialogButtons(close),
    );
    (retriable ? this.button : close).focus();
  }

  showFailure(error, again) {
    const retry = h("button.button.button-main", { type: "button", onclick: again }, "Ask again");
    this.dialog.show(
      h("p", this.words.meaning),
      h("p.critical", { role: "alert" }, `Could not find out what this affects: ${error.message}`),
      this.buttons(retry),
    );
  }
}

// A retry asks some addresses again; the others keep their earlier answer.
function mergeResults(earlier, later) {
  const answers = new Map(earlier.map((each) => [`${each.stage} ${each.address}`, each]));
  for (const each of later) answers.set(`${each.stage} ${each.address}`, each);
  return [...answers.values()];
}

function impactFigures(impact) {
  const figures = [
    ["Messages", "messages"],
    ["In flight", "in_flight"],
    ["Deferred", "deferred"],
    ["Clients", "clients"],
    ["Channels", "channels"],
  ];
  const known = figures.filter(([, key]) => isKnown(impact[key]));
  if (known.length === 0) return null;
  return h(
    "dl.impact",
    known.map(([label, key]) => h("div", h("dt", label), h("dd", integer(impact[key])))),
  );
}

function impactWarnings(warnings) {
  return warnings.length
    ? h(
        "ul.warnings",
        warnings.map((text) => h("li", icon("alert"), h("span", text))),
      )
    : null;
}

function impactPlaces({ nodes = [], lookupds = [] }) {
  const places = [
    nodes.length ? `on ${counted(nodes.length, "node")}: ${named(nodes)}` : "on no node",
    lookupds.length ? `in ${counted(lookupds.length, "registry", "registries")}: ${named(lookupds)}` : null,
  ];
  return h("p.impact-where", "It takes place ", places.filter(Boolean).join("; and "), ".");
}

function named(addresses) {
  const left = addresses.length - NAMED_MAX;
  return left > 0 ? `${addresses.slice(0, NAMED_MAX).join(", ")} and ${integer(left)} more` : addresses.join(", ");
}
