import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageLog, SHOWN_MAX } from "../../../static/js/rules/messagelog.js";

const add = (log, count) => {
  for (let number = 0; number < count; number += 1) log.add({ number });
};

test("a flood between two paints leaves the newest", () => {
  const log = new MessageLog();
  add(log, SHOWN_MAX + 50);
  const { messages, surplus } = log.take();
  assert.equal(messages.length, SHOWN_MAX);
  assert.equal(messages[0].number, 50);
  assert.equal(surplus, 0);
  assert.equal(log.passed, 50);
});

test("the oldest on screen make room, and are counted", () => {
  const log = new MessageLog();
  add(log, SHOWN_MAX - 1);
  log.take();
  add(log, 3);
  assert.equal(log.take().surplus, 2);
  assert.equal(log.shown, SHOWN_MAX);
  assert.equal(log.passed, 2);
});

test("while it is held nothing moves, and what came meanwhile is shown afterwards", () => {
  const log = new MessageLog();
  log.held = true;
  add(log, 2);
  assert.deepEqual(log.take(), { messages: [], surplus: 0 });
  log.held = false;
  assert.equal(log.take().messages.length, 2);
});

test("cleared is as new", () => {
  const log = new MessageLog();
  add(log, SHOWN_MAX + 1);
  log.take();
  log.clear();
  add(log, SHOWN_MAX);
  assert.equal(log.take().surplus, 0);
  assert.equal(log.passed, 0);
});
