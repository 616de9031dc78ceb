// What a topic or a channel may be called.

const LENGTH_MAX = 64;
const EPHEMERAL = "#ephemeral";
const ILLEGAL = /[^.a-zA-Z0-9_-]/u;

/** Why `name` can be no name of a `kind` ("topic" or "channel"), as a sentence for the person who typed it; null if it can. */
export function nameFault(kind, name) {
  const stem = name.endsWith(EPHEMERAL) ? name.slice(0, -EPHEMERAL.length) : name;
  if (stem === "") return `Type a name for the ${kind}.`;
  const illegal = ILLEGAL.exec(stem);
  if (illegal) {
    return `A ${kind} cannot have ${shown(illegal[0])} in its name: letters, digits, “.”, “_” and “-” are possible, and “${EPHEMERAL}” at the end.`;
  }
  if (name.length > LENGTH_MAX) return `The name of a ${kind} has ${LENGTH_MAX} characters at most; this one has ${name.length}.`;
  return null;
}

function shown(character) {
  return character.trim() === "" ? "a space" : `“${character}”`;
}
