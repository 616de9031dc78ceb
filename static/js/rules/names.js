/** Which names NSQ allows: pure, so that node can test it. The nodes decide; this only tells before one asks them. */

const EPHEMERAL = "#ephemeral";
const LENGTH_MAX = 64;

/**
 * What is wrong with a name of a topic or channel, as a sentence; empty when nothing is.
 * @param {string} name
 */
export function nameProblem(name) {
  const stem = name.endsWith(EPHEMERAL) ? name.slice(0, -EPHEMERAL.length) : name;
  if (name.length > LENGTH_MAX) return `${name.length} characters are too many: ${LENGTH_MAX} are allowed.`;
  if (stem === "") return "There must be at least one character before #ephemeral.";
  const wrong = stem.match(/[^.a-zA-Z0-9_-]/u);
  if (!wrong) return "";
  return wrong[0] === "#"
    ? `# is only allowed as ${EPHEMERAL} at the end.`
    : `${wrong[0] === " " ? "A space" : `“${wrong[0]}”`} is not allowed.`;
}
