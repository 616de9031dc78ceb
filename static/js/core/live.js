/**
 * The data of one view, as it changes: server-sent events, with back-off when they break and plain requests in the meantime.
 *
 *   const live = openLive("topics/orders", { onView, onGone, onFailure, onChange });
 *   live.setPaused(true);
 *   live.close();
 *
 * A hidden page gives its stream back after half a minute, since browsers allow six connections to a host, and opens it again
 * when it is looked at.
 */
import { apiUrl } from "./base.js";
import { get } from "./api.js";
import { retryDelay } from "../rules/freshness.js";

const FIRST_MS = 10_000;
const SILENCE_MS = 45_000;
const HIDDEN_MS = 30_000;

/**
 * @typedef {object} LiveListeners
 * @property {(data: any) => void} onView new data
 * @property {(problem: {message: string, text?: string}) => void} onGone what is shown does not exist (now)
 * @property {(error: import("./api.js").ApiError) => void} onFailure neither the stream nor a request gives data
 * @property {() => void} onChange `status()` has changed
 */

/**
 * @param {string} view e.g. `topics/orders`, parts percent-encoded
 * @param {LiveListeners} listeners
 */
export function openLive(view, listeners) {
  const live = new Live(view, listeners);
  live.open();
  return {
    /** What `describeFreshness` needs. */
    status: () => live.status(),
    /** @param {boolean} paused the screen stands still; the newest data are shown when it goes on */
    setPaused: (paused) => live.setPaused(paused),
    /** Tries at once instead of waiting. */
    retry: () => live.open(),
    close: () => live.close(),
  };
}

class Live {
  constructor(view, listeners) {
    this.view = view;
    this.listeners = listeners;
    this.received = null;
    this.pollMs = 0;
    this.connected = false;
    this.polling = false;
    this.paused = false;
    /** @type {(() => void) | null} what is shown when it goes on */
    this.held = null;
    this.hiding = null;
    this.attempt = 0;
    this.closed = false;
    this.onVisibility = () => this.visibilityChanged();
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  status() {
    const { received, connected, polling, paused } = this;
    return { received, connected, polling, paused, clock: performance.now() };
  }

  open() {
    if (this.closed) return;
    this.drop();
    const source = new EventSource(apiUrl("events", { view: this.view }));
    this.source = source;
    source.addEventListener("view", (event) => this.accept(source, event.data, (data) => this.take(data)));
    source.addEventListener("gone", (event) => this.accept(source, event.data, (data) => this.gone(data)));
    source.addEventListener("error", () => this.broken(source));
    this.watchSilence(source, FIRST_MS);
    this.watchHiding();
  }

  accept(source, text, use) {
    if (this.closed || source !== this.source) return;
    this.attempt = 0;
    this.polling = false;
    this.watchSilence(source, Math.max(SILENCE_MS, 3 * this.pollMs));
    use(JSON.parse(text));
  }

  // A stream that says nothing for long is taken for broken: some proxies hold answers back or keep dead connections open.
  watchSilence(source, limit) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.broken(source), limit);
  }

  take(data) {
    this.connected = true;
    this.pollMs = data.poll_ms ?? 2000;
    const receivedAt = performance.now();
    this.showOrHold(() => this.show(data, receivedAt));
  }

  gone(problem) {
    this.connected = true;
    this.showOrHold(() => this.showGone(problem));
  }

  showOrHold(show) {
    if (this.paused) this.held = show;
    else show();
    this.listeners.onChange();
  }

  // The age that is told is that of what is on screen: while it stands still it gets older.
  show(data, receivedAt) {
    this.received = { polledAt: data.polled_at ?? null, serverNow: data.now ?? 0, receivedAt, pollMs: this.pollMs };
    this.listeners.onView(data);
  }

  // No data are on screen then, so that none can be old.
  showGone(problem) {
    this.received = null;
    this.listeners.onGone(problem);
  }

  broken(source) {
    if (this.closed || source !== this.source) return;
    this.drop();
    const delay = retryDelay(this.attempt, Math.random());
    this.attempt += 1;
    this.timer = setTimeout(() => this.open(), delay);
    this.ask();
  }

  // While there is no stream: one request at each failure of it, so at the pace of the back-off.
  async ask() {
    this.request = new AbortController();
    const { signal } = this.request;
    try {
      const data = await get(this.view, {}, signal);
      if (signal.aborted) return;
      this.polling = true;
      this.take(data);
    } catch (error) {
      if (!signal.aborted) this.failed(error);
    }
  }

  failed(error) {
    if (error.status === 404) return this.gone({ message: error.code, text: error.message });
    this.connected = false;
    this.listeners.onFailure(error);
    this.listeners.onChange();
  }

  setPaused(paused) {
    this.paused = paused;
    if (!paused) {
      this.held?.();
      this.held = null;
    }
    this.listeners.onChange();
  }

  visibilityChanged() {
    if (document.hidden) return this.watchHiding();
    clearTimeout(this.hiding);
    this.hiding = null;
    if (!this.source && !this.timer) this.open();
  }

  // Also for tabs that are opened in the background, which are hidden from the start. Tries of a broken stream do not prolong it.
  watchHiding() {
    if (document.hidden) this.hiding ??= setTimeout(() => this.drop(), HIDDEN_MS);
  }

  drop() {
    this.source?.close();
    this.source = null;
    this.request?.abort();
    clearTimeout(this.silence);
    clearTimeout(this.timer);
    this.timer = null;
  }

  close() {
    this.closed = true;
    clearTimeout(this.hiding);
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.drop();
  }
}
