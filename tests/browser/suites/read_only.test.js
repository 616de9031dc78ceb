// With --admin-user, others see everything that does not change something, are offered nothing that does, and are refused it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";

const here = stage({ admin: ["--admin-user=carol"] });
const bob = { "X-Forwarded-User": "bob" };
const carol = { "X-Forwarded-User": "carol" };
const OFFERS = /^(create|pause(?! updates)|unpause|empty|delete|remove|publish|start)\b/i;

function paths() {
  const node = here.cluster.nodes[0].http;
  return ["/", "/topics", "/topics/orders", "/topics/orders/audit", "/nodes", `/nodes/${node}`, "/registries", "/lookup", "/tail/orders", "/audit"];
}

async function offers(visit) {
  const names = await visit.page.getByRole("button").evaluateAll((buttons) => buttons.map((button) => button.getAttribute("aria-label") ?? button.textContent));
  return names.filter((name) => OFFERS.test(name.trim()));
}

for (const [who, headers] of [["another user", bob], ["nobody", {}]]) {
  test(`${who} is offered nothing on any page`, async () => {
    await here.visit({ headers }, async (visit) => {
      for (const path of paths()) {
        await visit.open(path);
        assert.deepEqual(await offers(visit), [], path);
      }
      await visit.page.locator("footer").getByText("read only").waitFor();
    });
  });
}

test("the admin is offered what there is to do", async () => {
  await here.visit({ headers: carol }, async (visit) => {
    for (const [path, count] of [["/topics/orders", 5], ["/topics/orders/audit", 3], ["/tail/orders", 1], ["/lookup", 1]]) {
      await visit.open(path);
      assert.ok((await offers(visit)).length >= count, path);
    }
  });
});

test("what is not offered is refused all the same, and nothing is done", async () => {
  const orders = async () => (await here.cluster.topic(here.cluster.nodes[0], "orders")).paused;
  const asking = [
    ["/api/v1/actions", { action: "pause_topic", topic: "orders" }],
    ["/api/v1/topics/orders/publish", { body: "x", encoding: "text", node: null, defer_ms: 0 }],
    ["/api/topics/orders", { action: "pause" }],
  ];
  for (const [path, body] of asking) {
    const answer = await fetch(`http://${here.cluster.admin.http}${path}`, { method: "POST", body: JSON.stringify(body), headers: bob });
    assert.equal(answer.status, 403, path);
    assert.equal((await answer.json()).message, "FORBIDDEN", path);
  }
  const tail = await fetch(`http://${here.cluster.admin.http}/api/v1/tail?topic=orders&sample=100`, { headers: bob });
  assert.equal(tail.status, 403);
  assert.equal(await orders(), false);
});

test("another site cannot act in the name of the admin", async () => {
  const body = JSON.stringify({ action: "pause_topic", topic: "orders" });
  for (const extra of [{ "Sec-Fetch-Site": "cross-site" }, { Origin: "http://evil.example" }]) {
    const answer = await fetch(`http://${here.cluster.admin.http}/api/v1/actions`, { method: "POST", body, headers: { ...carol, ...extra } });
    assert.equal(answer.status, 403);
    assert.equal((await answer.json()).message, "CROSS_ORIGIN");
  }
});
