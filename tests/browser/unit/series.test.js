import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, newest, segments, shownSpan, timesOf } from "../../../static/js/rules/series.js";

const format = (value) => `${value}/s`;

test("what is unknown parts a line, and 0 does not", () => {
  const runs = segments([null, 1, 0, null, null, 3]);
  assert.deepEqual(runs.map((run) => run.map(({ index, value }) => [index, value])), [[[1, 1], [2, 0]], [[5, 3]]]);
  assert.deepEqual(segments([null]), []);
});

test("the newest value is unknown when only older ones are known", () => {
  assert.equal(newest([1, 2, null]), null);
  assert.equal(newest([1, 0]), 0);
  assert.equal(newest([]), null);
});

test("a line is told in words, with what is missing", () => {
  assert.equal(describe("In", [null, 4, 0, 2], 5_000, format), "In: now 2/s, between 0/s and 4/s in the time shown. Not known for 5 s.");
  assert.equal(describe("In", [4, null], 5_000, format), "In: now unknown, between 4/s and 4/s in the time shown. Not known for 5 s.");
  assert.equal(describe("In", [null, null], 5_000, format), "In: nothing is known yet.");
});

test("times end at the newest value and are in seconds", () => {
  assert.deepEqual(timesOf(100_000, 5_000, 3), [90, 95, 100]);
});

test("a young history is shown larger, an old one whole", () => {
  const known = (count) => [[...Array(720 - count).fill(null), ...Array(count).fill(0)]];
  for (const [count, seconds] of [[1, 300], [60, 300], [61, 900], [180, 900], [181, 1800], [361, 3600], [720, 3600]]) {
    assert.equal(shownSpan(known(count), 5_000), seconds, `${count} values`);
  }
  assert.equal(shownSpan([[null, null], []], 5_000), 300);
});
