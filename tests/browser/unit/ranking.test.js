import assert from "node:assert/strict";
import { test } from "node:test";
import { bestMatches } from "../../../static/js/rules/ranking.js";

const names = ["backorders", "orders.eu", "orders", "mail.orders", "o-r-d-e-r-s", "payments"];
const best = (text, most = 10) => bestMatches(names, text, (name) => name, most);

test("the whole name is before its beginning, a word's beginning and the inside; gaps count when there is nothing else", () => {
  assert.deepEqual(best("orders"), ["orders", "orders.eu", "mail.orders", "backorders"]);
  assert.deepEqual(best("pymt"), ["payments"]);
});

test("case and blanks do not matter, and signs are signs", () => {
  assert.deepEqual(best(" ORDERS.E "), ["orders.eu"]);
  assert.deepEqual(best(".*"), []);
});

test("without a text all are there by name, and no more than asked for", () => {
  assert.deepEqual(best("", 2), ["backorders", "mail.orders"]);
});
