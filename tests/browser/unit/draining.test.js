import assert from "node:assert/strict";
import { test } from "node:test";
import { drainSeconds, drainText } from "../../../static/js/rules/draining.js";
import { sortRows } from "../../../static/js/rules/sorting.js";

const row = (depth, drain, input, output, growing) => ({ drain_s: drain, growing, counts: { depth, in_rate: input, out_rate: output } });

const ROWS = [
  ["nothing waits", row(0, 0, 5, 5), "empty"],
  ["nothing waits, and nothing else is known", row(0, null, null, null), "empty"],
  ["it shrinks", row(600, 120, 5, 10), "2 min"],
  ["it grows", row(600, null, null, null, true), "∞"],
  ["as much comes as goes", row(600, null, 5, 5), "∞"],
  ["nothing comes or goes", row(600, null, 0, 0), "∞"],
  ["more goes than comes, but there is no trend yet", row(600, null, 5, 10), "–"],
  ["the rates are not known yet", row(600, null, null, null), "–"],
  ["the depth is not known", row(null, null, 5, 5), "–"],
  ["a paused topic whose channels are empty", row(600, 0, 5, 0), "∞"],
];

test("a backlog is empty, drained in some time, endless, or not known", () => {
  for (const [what, backlog, text] of ROWS) assert.equal(drainText(backlog), text, what);
});

test("backlogs are sorted by what is shown, the unknown last", () => {
  const backlogs = ROWS.map(([, backlog]) => backlog);
  const texts = sortRows(backlogs, drainSeconds, "desc", (each) => String(backlogs.indexOf(each))).map(drainText);
  assert.deepEqual(texts, ["∞", "∞", "∞", "∞", "2 min", "empty", "empty", "–", "–", "–"]);
});
