import assert from "node:assert/strict";
import { test } from "node:test";
import { compareValues, formatSort, holdOrder, matchesFilter, parseSort, sortRows } from "../../../static/js/rules/sorting.js";

const ROWS = [{ id: "b", n: 2 }, { id: "a", n: null }, { id: "c", n: 0 }, { id: "d", n: 2 }];
const order = (direction) => sortRows(ROWS, (row) => row.n, direction, (row) => row.id).map((row) => row.id).join("");

test("what is unknown is last in both directions, and 0 is not unknown", () => {
  assert.equal(order("asc"), "cbda");
  assert.equal(order("desc"), "bdca");
});

test("equal rows keep one order whatever order they come in", () => {
  const reversed = sortRows([...ROWS].reverse(), (row) => row.n, "desc", (row) => row.id).map((row) => row.id).join("");
  assert.equal(reversed, order("desc"));
});

test("rows are not sorted in place", () => {
  sortRows(ROWS, (row) => row.id, "desc", (row) => row.id);
  assert.equal(ROWS[0].id, "b");
});

test("numbers within names count as numbers, and infinity is the most", () => {
  assert.ok(compareValues("node-2", "node-10", "asc") < 0);
  assert.ok(compareValues(Infinity, 9e99, "asc") > 0);
  assert.equal(compareValues(NaN, null, "asc"), 0);
});

test("names that differ in case only have one order", () => {
  assert.notEqual(compareValues("Orders", "orders", "asc"), 0);
  assert.equal(compareValues("Orders", "orders", "asc"), -compareValues("orders", "Orders", "asc"));
});

test("a sort is read from the address and written to it", () => {
  const known = ["topic", "in-flight"];
  for (const text of ["topic", "-topic", "-in-flight"]) assert.equal(formatSort(parseSort(text, known, null)), text);
  const otherwise = { id: "topic", direction: "asc" };
  for (const text of [null, "", "-", "__proto__", "-nothing"]) assert.equal(parseSort(text, known, otherwise), otherwise);
});

test("a held order keeps rows in place, drops those that are gone and adds new ones behind", () => {
  assert.deepEqual(holdOrder(["new", "c", "a", "b"], ["a", "b", "gone", "c"]), ["a", "b", "c", "new"]);
  assert.deepEqual(holdOrder([], ["a"]), []);
});

test("a filter needs each of its words, in any case and order", () => {
  assert.ok(matchesFilter("", "orders"));
  assert.ok(matchesFilter("EU ord", "orders.eu"));
  assert.ok(!matchesFilter("orders us", "orders.eu"));
  assert.ok(matchesFilter(".*", "a.*b") && !matchesFilter(".*", "ab"));
});
