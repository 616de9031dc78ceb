import assert from "node:assert/strict";
import { test } from "node:test";
import { WrittenNumber, describeBody, hexDump } from "../../../static/js/rules/body.js";

test("objects and arrays are JSON, all other text is text", () => {
  assert.deepEqual(describeBody({ text: ' {"a":[1,null]}', base64: null }).value, { a: [1, null] });
  assert.equal(describeBody({ text: "[]", base64: null }).kind, "json");
  for (const text of ["", "12", '"tea"', "null", "{broken", "[1,]"]) {
    assert.deepEqual(describeBody({ text, base64: null }), { kind: "text", text });
  }
});

test("a number keeps the digits it was written with where the runtime tells them", (context) => {
  const told = JSON.parse("1", (_key, _value, info) => info !== undefined);
  if (!told) return context.skip("this runtime's JSON.parse does not tell the source");
  assert.deepEqual(describeBody({ text: "[12345678901234567890]", base64: null }).value, [new WrittenNumber("12345678901234567890")]);
});

test("nesting without end is JSON like any other", () => {
  const deep = "[".repeat(30_000) + "]".repeat(30_000);
  assert.ok(["json", "text"].includes(describeBody({ text: deep, base64: null }).kind));
});

test("bytes that are no text are shown with offset, hexadecimal and what is printable", () => {
  const body = describeBody({ text: null, base64: btoa("\x00\x01\xffNSQ message 123") });
  assert.equal(body.kind, "binary");
  assert.equal(
    hexDump(body.bytes),
    "0000  00 01 ff 4e 53 51 20 6d  ...NSQ m\n" + //
      "0008  65 73 73 61 67 65 20 31  essage 1\n" +
      "0010  32 33                    23",
  );
  assert.equal(hexDump(new Uint8Array()), "");
});
