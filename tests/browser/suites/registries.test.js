// Registries compared with each other: what only one knows is said, and tombstones stand with the time that they have left.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";
import { until } from "../harness/wait.js";

const here = stage({ traffic: false });

test("while all say the same, that is said", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/registries");
    await visit.main.getByText("All 2 that answer say the same.").waitFor();
  });
});

test("a topic that only one of them knows is a difference, until the other knows it, too", async () => {
  const [knows, other] = here.cluster.registries;
  await knows.post("/topic/create?topic=lonely");
  await here.visit({}, async (visit) => {
    await visit.open("/registries");
    const difference = visit.main.getByRole("listitem").filter({ hasText: "lonely" });
    await difference.getByText(other.http).waitFor();
    await visit.screenshot("registries-differ");
    assert.deepEqual(await visit.violations(), []);
    await other.post("/topic/create?topic=lonely");
    await visit.main.getByText("All 2 that answer say the same.").waitFor();
  });
});

test("a tombstone is shown with what is left of it, and the node's topic is marked", async () => {
  const [node] = here.cluster.nodes;
  const [registry] = here.cluster.registries;
  await node.post("/topic/create?topic=hidden");
  await here.cluster.listed("hidden");
  await registry.post(`/topic/tombstone?topic=hidden&node=${node.http}`);
  await here.visit({}, async (visit) => {
    await visit.open("/registries");
    const row = visit.main.getByRole("row").filter({ has: visit.page.getByRole("link", { name: "hidden" }) });
    await row.getByText(registry.http).waitFor();
    const left = async () => Number((await row.locator(".column-left").innerText()).match(/^(\d+) s$/)?.[1]);
    const first = await until(left, "the time that is left"); // told a while after the tombstone itself
    assert.ok(first <= 45, `${first} s`);
    await until(async () => (await left()) < first, "the time to run down");
    await visit.screenshot("registries-tombstone");
    await visit.open("/nodes");
    await visit.main.getByRole("row").filter({ has: visit.page.getByRole("link", { name: node.http }) }).getByText("1 tombstone").waitFor();
  });
});
