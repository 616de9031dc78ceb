/** The newest messages of a tail, bounded: what has come and is not on screen yet, and how many were passed over. */

/** How many messages stay on screen. */
export const SHOWN_MAX = 200;

export class MessageLog {
  waiting = [];
  /** Messages that came and are gone from the screen, or never were on it. */
  passed = 0;
  shown = 0;
  held = false;

  /** @param {object} message */
  add(message) {
    this.waiting.push(message);
    if (this.waiting.length <= SHOWN_MAX) return;
    this.waiting.shift();
    this.passed += 1;
  }

  /**
   * What is to be put on screen now, oldest first, and how many of the oldest that are there have to go; nothing while it is held.
   * @returns {{messages: object[], surplus: number}}
   */
  take() {
    if (this.held || this.waiting.length === 0) return { messages: [], surplus: 0 };
    const messages = this.waiting;
    this.waiting = [];
    const surplus = Math.max(0, this.shown + messages.length - SHOWN_MAX);
    this.shown += messages.length - surplus;
    this.passed += surplus;
    return { messages, surplus };
  }

  clear() {
    this.waiting = [];
    this.shown = 0;
    this.passed = 0;
  }
}
