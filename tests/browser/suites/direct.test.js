// Without registries: nsqadmin asks the nodes themselves, and says on its pages what there cannot be then.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";

const here = stage({ direct: true });

test("topics, channels and nodes are shown as with registries", async () => {
  await here.visit({}, async (visit) => {
    const [node] = here.cluster.nodes;
    for (const [path, text] of [["/", "orders"], ["/topics/orders", "billing"], ["/topics/orders/audit", "audit-1"], ["/nodes", node.http], [`/nodes/${node.http}`, "orders"]]) {
      await visit.open(path);
      await visit.main.getByText(text, { exact: true }).filter({ visible: true }).first().waitFor();
    }
    await visit.open(`/nodes/${node.http}`);
    assert.equal(await visit.main.getByRole("button", { name: /^Remove/ }).count(), 0, "there is nobody to keep a tombstone");
  });
});

test("pages about registries say that there are none", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/registries");
    await visit.main.getByText("There are no registries to compare").waitFor();
    await visit.open("/lookup");
    await visit.main.getByText("There are no registries to ask").waitFor();
  });
});

test("a topic is created on every node", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/lookup");
    await visit.main.getByRole("button", { name: "Create topic" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByLabel("Topic").fill("direct");
    await dialog.getByRole("button", { name: "Create" }).click();
    await visit.heading("direct").waitFor();
    for (const node of here.cluster.nodes) assert.ok(await here.cluster.topic(node, "direct"));
  });
});
