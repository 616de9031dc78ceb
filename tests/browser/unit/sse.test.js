import assert from "node:assert/strict";
import { test } from "node:test";
import { EventDecoder } from "../../../static/js/rules/sse.js";

const STREAM = ': hello\n\nevent: started\ndata: {"nodes":[]}\n\nid: 7\nevent: message\ndata: one\ndata: two\n\n: heartbeat\n\ndata:bare\n\n';
const EVENTS = [
  { event: "started", data: '{"nodes":[]}' },
  { event: "message", data: "one\ntwo" },
  { event: "message", data: "bare" },
];

test("events are the same wherever the stream is cut", () => {
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    const decoder = new EventDecoder();
    assert.deepEqual([...decoder.push(STREAM.slice(0, cut)), ...decoder.push(STREAM.slice(cut))], EVENTS, `cut at ${cut}`);
  }
});

test("lines may end with CR LF", () => {
  assert.deepEqual(new EventDecoder().push(STREAM.replaceAll("\n", "\r\n")), EVENTS);
});

test("what has no end is not kept for ever", () => {
  const decoder = new EventDecoder();
  const chunk = "x".repeat(1024 * 1024);
  assert.throws(() => {
    for (let mebibytes = 0; mebibytes < 6; mebibytes += 1) decoder.push(chunk);
  }, RangeError);
});
