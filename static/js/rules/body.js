// What a message holds: JSON, other text, or bytes that are no text.

const LINE_BYTES = 8; // a line fits on a narrow screen
const PRINTABLE = /^[\x20-\x7e]$/;

/** A number that JavaScript would show otherwise than it was written, e.g. an id of 19 digits. */
export class WrittenNumber {
  constructor(source) {
    this.source = source;
  }
}

/**
 * Tells what the body of a message is: `{kind: "json", value, text}`, `{kind: "text", text}` or `{kind: "binary", bytes}`.
 * Only objects and arrays count as JSON: `12` and `"tea"` are read as easily as text.
 */
export function describeBody({ text, base64 }) {
  if (text === null || text === undefined) return { kind: "binary", bytes: bytesOf(base64 ?? "") };
  const value = parseJson(text);
  return value === undefined ? { kind: "text", text } : { kind: "json", value, text };
}

/** The object or array that the text is, else undefined. */
function parseJson(text) {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text, keepNumber);
  } catch {
    return undefined;
  }
}

/** Keeps a number's own digits where the browser tells them and they say more than its value. */
function keepNumber(_key, value, context) {
  const exact = typeof value !== "number" || context?.source === undefined || String(value) === context.source;
  return exact ? value : new WrittenNumber(context.source);
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Bytes as `hexdump -C` shows them: offset, hexadecimal, and what is printable. */
export function hexDump(bytes) {
  const lines = [];
  const width = 3 * Math.min(bytes.length, LINE_BYTES) - 1;
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const part = [...bytes.subarray(at, at + LINE_BYTES)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const shown = part.map((byte) => String.fromCharCode(byte)).map((character) => (PRINTABLE.test(character) ? character : "."));
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(width)}  ${shown.join("")}`);
  }
  return lines.join("\n");
}
