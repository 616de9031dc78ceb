/** Server-sent events out of the pieces in which a response arrives: pure, so that node can test it. */

const EVENT_LENGTH_MAX = 4 * 1024 * 1024;

/** @typedef {{event: string, data: string}} ServerEvent */

/** Takes text as it comes and gives the events that are complete. */
export class EventDecoder {
  rest = "";

  /**
   * @param {string} text
   * @returns {ServerEvent[]}
   * @throws {RangeError} an event is longer than anything that nsqadmin sends
   */
  push(text) {
    const blocks = (this.rest + text).split(/\r?\n\r?\n/);
    this.rest = blocks.pop() ?? "";
    if (this.rest.length > EVENT_LENGTH_MAX) throw new RangeError("an event without an end");
    return blocks.map(decodeBlock).filter((event) => event !== null);
  }
}

/** An event; null for what is a comment only, as heartbeats are. */
function decodeBlock(block) {
  let event = "message";
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === "event") event = value;
    if (field === "data") data.push(value);
  }
  return data.length ? { event, data: data.join("\n") } : null;
}
