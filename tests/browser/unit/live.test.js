import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

let visibility;
let sources;

class Source {
  constructor(url) {
    Object.assign(this, { url, heard: {}, open: true });
    sources.push(this);
  }

  addEventListener(name, listener) {
    this.heard[name] = listener;
  }

  close() {
    this.open = false;
  }

  send(name, data) {
    this.heard[name]({ data: JSON.stringify(data) });
  }
}

globalThis.EventSource = Source;
globalThis.document = {
  hidden: false,
  querySelector: () => null,
  addEventListener: (name, listener) => (visibility = listener),
  removeEventListener() {},
};
const { openLive } = await import("../../../static/js/core/live.js");
const { describeFreshness } = await import("../../../static/js/rules/freshness.js");

beforeEach(() => {
  sources = [];
  document.hidden = false;
});

function open() {
  const shown = [];
  const live = openLive("topics/orders", {
    onView: (data) => shown.push(data.topic),
    onGone: () => shown.push("gone"),
    onFailure: () => shown.push("failure"),
    onChange() {},
  });
  return { live, shown };
}

const view = (topic) => ({ topic, now: 10_000, polled_at: 9_000, poll_ms: 2000 });

test("a page that was opened in the background gives its stream back, and opens it when it is looked at", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  document.hidden = true;
  const { live } = open();
  sources[0].send("view", view("orders"));
  context.mock.timers.tick(29_999);
  assert.deepEqual(sources.map((source) => source.open), [true]);
  context.mock.timers.tick(1);
  assert.deepEqual(sources.map((source) => source.open), [false]);
  document.hidden = false;
  visibility();
  assert.deepEqual(sources.map((source) => source.open), [false, true]);
  live.close();
});

test("a page that is hidden for a moment keeps its stream", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { live } = open();
  sources[0].send("view", view("orders"));
  document.hidden = true;
  visibility();
  context.mock.timers.tick(20_000);
  document.hidden = false;
  visibility();
  context.mock.timers.tick(20_000);
  assert.deepEqual(sources.map((source) => source.open), [true]);
  live.close();
});

test("while paused nothing changes, not even when the subject goes; the newest state is shown afterwards", () => {
  const { live, shown } = open();
  sources[0].send("view", view("first"));
  live.setPaused(true);
  sources[0].send("view", view("second"));
  sources[0].send("gone", { message: "TOPIC_NOT_FOUND" });
  assert.deepEqual(shown, ["first"]);
  live.setPaused(false);
  assert.deepEqual(shown, ["first", "gone"]);
  live.close();
});

test("where the subject is gone there are no data that could be old", () => {
  const { live } = open();
  sources[0].send("view", view("orders"));
  sources[0].send("gone", { message: "TOPIC_NOT_FOUND" });
  assert.equal(describeFreshness({ ...live.status(), clock: performance.now() + 60_000 }).text, "live");
  live.close();
});
