import assert from "node:assert/strict";
import { test } from "node:test";
import { ageOf, describeFreshness, retryDelay } from "../../../static/js/rules/freshness.js";

const received = { polledAt: 100_000, serverNow: 100_500, receivedAt: 7_000, pollMs: 2_000 };
const state = (changes) => describeFreshness({ received, clock: 8_000, connected: true, polling: false, paused: false, ...changes });

test("the age counts from the poll, by the server's clock and then by the browser's", () => {
  assert.equal(ageOf(received, 8_000), 1_500);
  assert.equal(ageOf({ ...received, polledAt: null }, 8_000), null);
  assert.equal(ageOf(null, 8_000), null);
});

test("a clock that goes backwards makes no negative age", () => {
  assert.equal(ageOf({ ...received, serverNow: 99_000 }, 6_000), 0);
});

test("data are live for two and a half polls, at least five seconds", () => {
  assert.deepEqual(state({}), { state: "live", text: "live" });
  assert.equal(state({ clock: 11_500 }).state, "live");
  assert.deepEqual(state({ clock: 11_501 + 500 }), { state: "old", text: "6 s old" });
  assert.equal(state({ clock: 26_000, received: { ...received, pollMs: 10_000 } }).state, "live");
});

test("whether data are old, missing, held or asked for is told apart", () => {
  assert.equal(state({ received: null, connected: false }).state, "waiting");
  assert.equal(state({ received: null }).state, "live", "connected, and what is asked for does not exist");
  assert.equal(state({ received: { ...received, polledAt: null } }).text, "first poll …");
  assert.deepEqual(state({ connected: false, clock: 40_500 }), { state: "disconnected", text: "disconnected · 34 s old" });
  assert.deepEqual(state({ paused: true, clock: 18_500 }), { state: "paused", text: "paused · 12 s old" });
  assert.equal(state({ polling: true }).state, "polling");
});

test("tries get rarer, up to every 20 s, and chance only makes them sooner", () => {
  assert.deepEqual([0, 1, 2, 5, 500].map((attempt) => retryDelay(attempt, 0)), [1_000, 2_000, 4_000, 20_000, 20_000]);
  assert.equal(retryDelay(0, 1), 750);
});
