import assert from "node:assert/strict";
import { test } from "node:test";
import { addressesToRetry, describeFailure, summarizeResult, wordsOf } from "../../../static/js/rules/actions.js";
import { nameProblem } from "../../../static/js/rules/names.js";
import { busiest, matrixCell } from "../../../static/js/rules/matrix.js";

test("what destroys says so, and what it is done to is named whole", () => {
  for (const verb of ["empty", "delete"]) {
    assert.ok(wordsOf(`${verb}_topic`, { topic: "orders" }).destroys);
    assert.equal(wordsOf(`${verb}_channel`, { topic: "orders", channel: "audit" }).name, "orders/audit");
  }
  assert.ok(!wordsOf("pause_topic", { topic: "orders" }).destroys);
  const tombstone = wordsOf("tombstone_topic_producer", { topic: "orders", node: "h:4151" });
  assert.equal(tombstone.title, "Remove orders from h:4151?");
  assert.match(tombstone.meaning, /deleted/);
});

test("every action has its meaning", () => {
  const verbs = ["pause", "unpause", "empty", "delete"];
  for (const action of verbs.flatMap((verb) => [`${verb}_topic`, `${verb}_channel`])) {
    assert.notEqual(wordsOf(action, { topic: "t" }).meaning, "", action);
  }
});

test("a result tells success, part and nothing apart", () => {
  const ok = { ok: true };
  const failed = { ok: false };
  assert.equal(summarizeResult({ ok: true, results: [ok, ok] }, "Paused orders"), "Paused orders: 2 addresses answered.");
  assert.equal(summarizeResult({ ok: false, results: [ok, failed] }, "Paused orders"), "It was not done everywhere: 1 of 2 addresses failed.");
  assert.equal(summarizeResult({ ok: false, results: [failed] }, "Paused orders"), "It was done nowhere.");
  assert.match(summarizeResult({ ok: false, results: [ok] }, "Paused orders"), /some addresses could not be determined/);
});

test("only a request that was refused is known to have done nothing", () => {
  assert.equal(describeFailure({ status: 403, message: "You may not." }), "Nothing was done: You may not.");
  for (const status of [null, 200, 500, 502]) assert.match(describeFailure({ status, message: "Why." }), /^It may have been done or not: Why\.$/);
});

test("a retry asks those that failed, but all if some could not be determined", () => {
  const results = [{ ok: true, address: "a" }, { ok: false, address: "b" }];
  assert.deepEqual(addressesToRetry(results, []), ["b"]);
  assert.deepEqual(addressesToRetry(results.slice(0, 1), []), []);
  assert.equal(addressesToRetry(results, [{ address: "lookup" }]), null);
});

test("names are allowed as NSQ allows them", () => {
  const good = ["a", ".", "a.b-c_D9", "x".repeat(64), `${"x".repeat(54)}#ephemeral`];
  const bad = ["a b", "a/b", "é", "a#b", "#ephemeral", "x".repeat(65), `${"x".repeat(55)}#ephemeral`, "<script>", "a#ephemeral#ephemeral"];
  for (const name of good) assert.equal(nameProblem(name), "", name);
  for (const name of bad) assert.notEqual(nameProblem(name), "", name);
});

test("a cell tells a channel that is not there from one without messages and one without clients", () => {
  const node = { channels: [{ channel: "a", paused: true, counts: { depth: 0, clients: 0 } }, { channel: "b", paused: false, counts: { depth: 5, clients: 0 } }] };
  const depth = (counts) => counts.depth;
  assert.deepEqual(matrixCell(node, "a", depth), { value: 0, missing: false, paused: true, abandoned: false });
  assert.deepEqual(matrixCell(node, "b", depth), { value: 5, missing: false, paused: false, abandoned: true });
  assert.deepEqual(matrixCell(node, "c", depth), { value: null, missing: true, paused: false, abandoned: false });
});

test("the deepest rows are chosen and stand by name", () => {
  const rows = [{ n: "d", v: 9 }, { n: "a", v: null }, { n: "c", v: 1 }, { n: "b", v: 3 }];
  assert.deepEqual(busiest(rows, ({ v }) => v, 2, ({ n }) => n).map(({ n }) => n), ["b", "d"]);
  assert.deepEqual(busiest(rows, ({ v }) => v, 4, ({ n }) => n).map(({ n }) => n), ["a", "b", "c", "d"]);
});
