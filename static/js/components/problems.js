/**
 * What is wrong, in words, worst first, with links to where it is. Problems are kept by what they are about, so that the focus on a
 * link survives a change of numbers in its sentence.
 *
 *   const problems = createProblems({ well: "Nothing needs attention." });
 *   problems.update(data.problems, data.problems_left_out);
 */
import { h, setText, spoken } from "../core/dom.js";
import { links } from "../core/base.js";
import { counted } from "../rules/format.js";
import { arrange } from "./tablerows.js";
import { icon } from "./icons.js";

/**
 * @typedef {object} Problem
 * @property {"critical" | "warning" | "info"} severity
 * @property {string} kind
 * @property {string} text a whole sentence
 * @property {string | null} topic
 * @property {string | null} channel
 * @property {string | null} node
 * @property {string | null} client
 */

const SHOWN = 6;
const SEVERITIES = { critical: ["alert", "Critical"], warning: ["alert", "Warning"], info: ["info", "Note"] };

/**
 * @param {{well?: string, except?: {topic?: string, channel?: string, node?: string}}} [options] `well`: said when there is none, else
 *   the list is hidden then; `except`: what the page itself is about gets no link
 */
export function createProblems({ well, except = {} } = {}) {
  const list = h("ul");
  const calm = well ? h("p.all-well", icon("check"), well) : null;
  const more = h("div.problems-more", { hidden: true });
  const button = h("button.button", { type: "button", "aria-expanded": "false" });
  const left = h("p.quiet");
  more.append(button, left);
  const element = h("div.problems.card", { hidden: true }, calm, list, more);
  /** @type {Map<string, {element: HTMLElement, text: HTMLElement}>} */
  const known = new Map();
  let all = false;
  let latest = [[], 0];

  const draw = ([problems, leftOut]) => {
    const shown = all ? problems : problems.slice(0, SHOWN);
    arrangeProblems(list, known, shown, except);
    element.hidden = problems.length === 0 && !well;
    list.hidden = problems.length === 0;
    if (calm) calm.hidden = problems.length > 0;
    more.hidden = problems.length <= SHOWN;
    setText(button, all ? "Show fewer" : `Show all ${problems.length}`);
    button.setAttribute("aria-expanded", String(all));
    left.hidden = !all || leftOut === 0;
    setText(left, `${counted(leftOut, "more problem")} of lower rank ${leftOut === 1 ? "is" : "are"} not listed.`);
  };
  button.addEventListener("click", () => {
    all = !all;
    draw(latest);
  });
  return {
    element,
    /**
     * @param {Problem[]} problems
     * @param {number} [leftOut]
     */
    update(problems, leftOut = 0) {
      latest = [problems, leftOut];
      draw(latest);
    },
  };
}

function arrangeProblems(list, known, problems, except) {
  const gone = new Set(known.keys());
  const counts = new Map();
  const elements = problems.map((problem) => {
    const key = numbered(keyOf(problem), counts);
    gone.delete(key);
    if (!known.has(key)) known.set(key, entry(problem, except));
    const { element, text } = known.get(key);
    setText(text, problem.text);
    return element;
  });
  for (const key of gone) {
    known.get(key).element.remove();
    known.delete(key);
  }
  arrange(list, elements);
}

function keyOf({ severity, kind, topic, channel, node, client }) {
  return JSON.stringify([severity, kind, topic, channel, node, client]);
}

// Two registries that do not answer are about the same: nothing but their sentences tells them apart.
function numbered(key, counts) {
  const number = (counts.get(key) ?? 0) + 1;
  counts.set(key, number);
  return `${key} ${number}`;
}

function entry(problem, except) {
  const [image, word] = SEVERITIES[problem.severity] ?? SEVERITIES.info;
  const text = h("span");
  const places = h("span.problem-links", placesOf(problem, except));
  const element = h(`li.problem.problem-${problem.severity}`, icon(image), h("span.problem-text", spoken(`${word}: `), text), places);
  return { element, text };
}

function placesOf({ topic, channel, node }, except) {
  const places = [];
  if (topic && channel && channel !== except.channel)
    places.push(h("a.name", { href: links.channel(topic, channel) }, `${topic}/${channel}`));
  else if (topic && topic !== except.topic) places.push(h("a.name", { href: links.topic(topic) }, topic));
  if (node && node !== except.node) places.push(h("a.name", { href: links.node(node) }, node));
  return places;
}

/**
 * How many there are of each severity: `2 critical, 5 warnings, 1 note`; empty when there are none.
 * @param {Problem[]} problems
 */
export function countProblems(problems) {
  const of = (severity) => problems.filter((problem) => problem.severity === severity).length;
  const [critical, warnings, notes] = ["critical", "warning", "info"].map(of);
  return [critical && `${critical} critical`, warnings && counted(warnings, "warning"), notes && counted(notes, "note")]
    .filter(Boolean)
    .join(", ");
}
