import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePart, encodePart, linksBelow, matchPath } from "../../../static/js/rules/routes.js";

const NAMES = ["orders", "a.b-c_D9", "tmp#ephemeral", ".", "..", "...", "x".repeat(64)];

for (const base of ["/", "/nsq/", "/a/b/"]) {
  const links = linksBelow(base);

  test(`every link below ${base} leads to its page`, () => {
    for (const [name, params] of [["overview", {}], ["topics", {}], ["nodes", {}], ["registries", {}], ["counter", {}], ["lookup", {}], ["audit", {}]]) {
      assert.deepEqual(matchPath(links[name](), base), { name, params });
    }
    assert.deepEqual(matchPath(links.node("[::1]:4151"), base), { name: "node", params: { node: "[::1]:4151" } });
  });

  test(`names survive the way through an address below ${base}`, () => {
    for (const topic of NAMES) {
      const path = (href) => new URL(href, "http://h").pathname; // as browsers do, which take .. away
      assert.deepEqual(matchPath(path(links.topic(topic)), base), { name: "topic", params: { topic } });
      assert.deepEqual(matchPath(path(links.channel(topic, "c")), base), { name: "channel", params: { topic, channel: "c" } });
      assert.deepEqual(matchPath(path(links.tail(topic)), base), { name: "tail", params: { topic } });
    }
  });
}

test("the index has no slash at its end below a base path, and is found with and without", () => {
  assert.equal(linksBelow("/nsq/").overview(), "/nsq");
  assert.equal(matchPath("/nsq", "/nsq/").name, "overview");
  assert.equal(matchPath("/nsq/", "/nsq/").name, "overview");
});

test("there is no page elsewhere", () => {
  for (const path of ["/topics", "/nsqx/topics", "/nsq/nowhere", "/nsq/topics/a/b/c", "/nsq/tail"]) {
    assert.equal(matchPath(path, "/nsq/"), null, path);
  }
});

test("a colon stays readable, a broken encoding is taken as it is", () => {
  assert.equal(encodePart("h:4151"), "h:4151");
  assert.equal(decodePart("100%"), "100%");
});
