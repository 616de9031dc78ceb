import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../../static/js/rules/format.js";

function table(name, cases) {
  for (const [value, text] of cases) {
    test(`${name} of ${value} reads ${text}`, () => assert.equal(format[name](value), text));
  }
}

for (const name of ["integer", "compact", "rate", "duration", "span", "bytes", "clock", "dateTime"]) {
  test(`${name} of what is not known is not 0`, () => {
    for (const unknown of [null, undefined, NaN, Infinity]) assert.equal(format[name](unknown), format.UNKNOWN);
  });
}

table("integer", [[0, "0"], [999, "999"], [1234567, "1,234,567"]]);
table("compact", [[0, "0"], [999, "999"], [1000, "1k"], [1234, "1.2k"], [9949, "9.9k"], [9960, "10k"], [999_499, "999k"], [999_500, "1M"], [34_000_000, "34M"]]);
table("rate", [[0, "0/s"], [0.001, "<0.01/s"], [0.25, "0.25/s"], [12.54, "12.5/s"], [1234.4, "1,234/s"], [-3.5, "-3.5/s"]]);
table("bytes", [[0, "0 B"], [512, "512 B"], [1536, "1.5 KiB"], [1023.9 * 1024, "1 MiB"], [230 * 1024 * 1024, "230 MiB"]]);

const HOUR = 3_600_000_000_000;
table("duration", [
  [0, "0ns"], [5, "5ns"], [1_500, "1.5us"], [159_290_000, "159.29ms"], [999_999, "1ms"], [999_999_999, "1s"],
  [3_500_000_000, "3.5s"], [59_996_000_000, "1m0s"], [62_000_000_000, "1m2s"], [HOUR + 123_500_000_000, "1h2m3.5s"], [HOUR - 1, "1h0m0s"],
]);

table("span", [
  [0, "0 s"], [59.4, "59 s"], [59.6, "1 min"], [90, "1 min 30 s"], [600, "10 min"], [3599, "59 min"], [3600, "1 h"], [12_000, "3 h 20 min"],
  [86_399.7, "1 d"], [4 * 86_400 + 3_700, "4 d 1 h"], [400 * 86_400, "over a year"],
]);

table("percentile", [
  [0.99, "99th"], [0.999, "99.9th"], [0.9999, "99.99th"], [0.95, "95th"], [0.5, "50th"], [0.11, "11th"], [0.12, "12th"], [0.13, "13th"],
  [0.01, "1st"], [0.21, "21st"], [0.22, "22nd"], [0.23, "23rd"], [0.991, "99.1th"], [0.29, "29th"], [1, "100th"],
]);

test("a count has its noun in the right number", () => {
  assert.equal(format.counted(1, "node"), "1 node");
  assert.equal(format.counted(0, "node"), "0 nodes");
  assert.equal(format.counted(1200, "registry", "registries"), "1,200 registries");
});

test("how long ago something was is told from both times", () => {
  assert.equal(format.ago(10_000, 10_900), "just now");
  assert.equal(format.ago(10_000, 22_000), "12 s ago");
  assert.equal(format.ago(null, 22_000), format.UNKNOWN);
});
