import assert from "node:assert/strict";
import { test } from "node:test";
import { pictureUrl, targetOf } from "../../../static/js/rules/graphite.js";

const graphite = { url: "http://g/graphite", interval_s: 60, prefix: "nsq.%s", counter_format: "stats.counters.%s.count", gauge_format: "stats.gauges.%s" };
const topic = "tmp$&#ephemeral";

test("gauges are summed over the nodes", () => {
  const target = targetOf(graphite, { topic: "orders", channel: "audit", measure: "depth", kind: "gauge" });
  assert.equal(target, 'summarize(sumSeries(stats.gauges.nsq.*.topic.orders.channel.audit.depth),"60sec","avg")');
});

test("counters are per second", () => {
  const target = targetOf({ ...graphite, interval_s: 10 }, { topic: "orders", measure: "message_count", kind: "counter" });
  assert.equal(target, 'summarize(scale(sumSeries(stats.counters.nsq.*.topic.orders.message_count.count),0.1),"10sec","avg")');
});

test("names are cleaned as statsd does, a prefix gets no second dot, and no format is the key itself", () => {
  const plain = { ...graphite, prefix: "nsq.%s.", gauge_format: "%s" };
  assert.match(targetOf(plain, { topic, measure: "depth", kind: "gauge" }), /\(nsq\.\*\.topic\.tmpephemeral\.depth\)/);
  assert.match(targetOf({ ...plain, prefix: "" }, { topic, measure: "depth", kind: "gauge" }), /\(topic\.tmpephemeral\.depth\)/);
});

test("a picture's address is below Graphite's, escaped", () => {
  const look = { interval: "2h", width: 640, height: 220, background: "ffffff", text: "566173", line: "1f5fd0" };
  const url = new URL(pictureUrl(graphite, { topic: "orders", measure: "depth", kind: "gauge" }, look));
  assert.equal(url.pathname, "/graphite/render");
  assert.equal(url.searchParams.get("from"), "-2h");
  assert.equal(url.searchParams.get("target"), 'summarize(sumSeries(stats.gauges.nsq.*.topic.orders.depth),"60sec","avg")');
});
