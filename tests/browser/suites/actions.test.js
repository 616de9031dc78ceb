// Every action: what it will hit is told, what destroys wants the name typed, each address is reported, and the nodes have done it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";
import { until } from "../harness/wait.js";

const here = stage({ traffic: false, admin: ["--http-client-request-timeout=2s"] });
const BODIES = ["one", "two", "three"].join("\n");

/** A topic of its own on both nodes, with a channel and three messages on each node. */
async function topic(name) {
  for (const node of here.cluster.nodes) {
    await node.post(`/topic/create?topic=${name}`);
    await node.post(`/channel/create?topic=${name}&channel=jobs`);
    await node.post(`/mpub?topic=${name}`, BODIES);
  }
  await until(async () => (await channels(name)).every((channel) => channel?.depth === 3), `the messages of ${name} in its channel`);
  await here.cluster.listed(name);
}

function topics(name) {
  return Promise.all(here.cluster.nodes.map((node) => here.cluster.topic(node, name)));
}

async function channels(name) {
  return (await topics(name)).map((found) => found?.channels.find((channel) => channel.channel_name === "jobs"));
}

/** Presses a button of the page and gives its dialog, once it tells what will be hit. */
async function ask(visit, button) {
  await visit.main.getByRole("button", { name: button, exact: true }).click();
  const dialog = visit.page.getByRole("dialog");
  await dialog.locator(".impact-where").waitFor();
  return dialog;
}

async function figure(dialog, label) {
  return dialog.locator("dl.impact > div").filter({ hasText: label }).locator("dd").innerText();
}

/** What a dialog looks like, and that axe-core has nothing against it. */
async function look(visit, name) {
  await visit.screenshot(name);
  assert.deepEqual(await visit.violations(), [], `${name} for axe-core`);
}

async function confirm(dialog, name) {
  const button = dialog.locator("button[type=submit]");
  assert.ok(await button.isDisabled(), "nothing can be done before the name is typed");
  const field = dialog.getByRole("textbox");
  await field.fill(`${name}x`);
  assert.ok(await button.isDisabled(), "another name is not enough");
  await field.fill(name);
  await button.click();
}

test("a topic with its first channel is created, where nsqd then finds the channel", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/lookup");
    await visit.main.getByRole("button", { name: "Create topic" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByLabel("Topic").fill("made");
    await dialog.getByLabel(/channel/i).fill("jobs");
    await dialog.getByRole("button", { name: "Create" }).click();
    await visit.heading(/jobs/).waitFor();
    for (const registry of here.cluster.registries) {
      assert.deepEqual((await registry.ask("/channels?topic=made")).channels, ["jobs"]);
    }
  });
});

test("a channel is created on every node of the topic", async () => {
  await topic("channelled");
  await here.visit({}, async (visit) => {
    await visit.open("/topics/channelled");
    await visit.main.getByRole("button", { name: "Create channel" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByLabel("Channel").fill("more");
    await dialog.getByRole("button", { name: "Create" }).click();
    await visit.heading(/more/).waitFor();
    for (const found of await topics("channelled")) assert.ok(found.channels.some((channel) => channel.channel_name === "more"));
  });
});

test("a topic is paused on every node, the page says so, and it goes on", async () => {
  await topic("paused");
  await here.visit({}, async (visit) => {
    await visit.open("/topics/paused");
    const dialog = await ask(visit, "Pause");
    for (const node of here.cluster.nodes) await dialog.locator(".impact-where").getByText(node.http).waitFor();
    await dialog.locator("button[type=submit]").click();
    await dialog.waitFor({ state: "detached" });
    await visit.main.locator(".heading").getByText("paused", { exact: true }).last().waitFor();
    assert.deepEqual((await topics("paused")).map((found) => found.paused), [true, true]);
    await (await ask(visit, "Unpause")).locator("button[type=submit]").click();
    await visit.main.getByRole("button", { name: "Pause", exact: true }).waitFor();
    assert.deepEqual((await topics("paused")).map((found) => found.paused), [false, false]);
  });
});

test("a channel is paused and goes on", async () => {
  await topic("held");
  await here.visit({}, async (visit) => {
    await visit.open("/topics/held/jobs");
    await (await ask(visit, "Pause")).locator("button[type=submit]").click();
    await visit.main.getByRole("button", { name: "Unpause" }).waitFor();
    assert.deepEqual((await channels("held")).map((channel) => channel.paused), [true, true]);
    await (await ask(visit, "Unpause")).locator("button[type=submit]").click();
    await visit.main.getByRole("button", { name: "Pause", exact: true }).waitFor();
    assert.deepEqual((await channels("held")).map((channel) => channel.paused), [false, false]);
  });
});

test("a channel is emptied after its name was typed, and nothing else is", async () => {
  await topic("full");
  for (const node of here.cluster.nodes) await node.post("/channel/create?topic=full&channel=other");
  await here.visit({}, async (visit) => {
    await visit.open("/topics/full/jobs");
    const dialog = await ask(visit, "Empty");
    assert.equal(await figure(dialog, "Messages"), "6");
    await confirm(dialog, "full/jobs");
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual((await channels("full")).map((channel) => channel.depth), [0, 0]);
  });
});

test("a topic's own queue is emptied after its name was typed", async () => {
  for (const node of here.cluster.nodes) {
    await node.post("/topic/create?topic=queued");
    await node.post("/mpub?topic=queued", BODIES);
  }
  await here.cluster.listed("queued");
  await here.visit({}, async (visit) => {
    await visit.open("/topics/queued");
    const dialog = await ask(visit, "Empty");
    assert.equal(await figure(dialog, "Messages"), "6");
    await confirm(dialog, "queued");
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual((await topics("queued")).map((found) => found.depth), [0, 0]);
  });
});

test("a channel is deleted after its name was typed, and one is then at its topic", async () => {
  await topic("shrunk");
  await here.visit({}, async (visit) => {
    await visit.open("/topics/shrunk/jobs");
    await confirm(await ask(visit, "Delete"), "shrunk/jobs");
    await visit.heading(/shrunk/).waitFor();
    assert.match(visit.page.url(), /\/topics\/shrunk$/);
    assert.deepEqual((await topics("shrunk")).map((found) => found.channels.length), [0, 0]);
  });
});

test("a topic is deleted everywhere after its name was typed, and one is then at the topics", async () => {
  await topic("gone");
  await here.visit({ theme: "dark", width: 360 }, async (visit) => {
    await visit.open("/topics/gone");
    const dialog = await ask(visit, "Delete");
    await look(visit, "dialog-delete");
    await confirm(dialog, "gone");
    await visit.heading(/Topics/).waitFor();
    assert.deepEqual(await topics("gone"), [null, null]);
    for (const registry of here.cluster.registries) assert.ok(!(await registry.ask("/topics")).topics.includes("gone"));
  });
});

test("an inactive topic is deleted from the registries", async () => {
  for (const registry of here.cluster.registries) await registry.post("/topic/create?topic=idle");
  await here.visit({}, async (visit) => {
    await visit.open("/lookup");
    await confirm(await ask(visit, "Delete idle"), "idle");
    await visit.main.getByRole("link", { name: "idle" }).waitFor({ state: "detached" });
    for (const registry of here.cluster.registries) assert.ok(!(await registry.ask("/topics")).topics.includes("idle"));
  });
});

test("a topic is taken away from one node by a tombstone, after the node was typed", async () => {
  await topic("moved");
  const [stays, leaves] = here.cluster.nodes;
  await here.visit({}, async (visit) => {
    await visit.open(`/nodes/${leaves.http}`);
    await confirm(await ask(visit, `Remove moved from ${leaves.http}`), leaves.http);
    await visit.page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await here.cluster.topic(leaves, "moved"), null);
    assert.ok(await here.cluster.topic(stays, "moved"));
  });
});

test("a test message is published to the node that was chosen", async () => {
  await topic("tried");
  const [other, chosen] = here.cluster.nodes;
  await here.visit({}, async (visit) => {
    await visit.open("/topics/tried");
    await visit.main.getByRole("button", { name: "Publish" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Publish" }).click();
    await dialog.getByText("at least one byte").waitFor();
    await dialog.getByLabel("Body", { exact: true }).fill("bm90IHRleHQ");
    await dialog.getByLabel("Node").selectOption(chosen.http);
    await dialog.getByRole("button", { name: "Publish" }).click();
    await dialog.getByText("Published.").waitFor();
    await dialog.getByText(chosen.http).last().waitFor();
    await look(visit, "dialog-publish");
    assert.equal((await here.cluster.topic(chosen, "tried")).message_count, 4);
    assert.equal((await here.cluster.topic(other, "tried")).message_count, 3);
  });
});

test("an action that fails on one node says where, and is tried again there only", async () => {
  await topic("partly");
  const [, dies] = here.cluster.nodes;
  await here.visit({}, async (visit) => {
    await visit.open("/topics/partly");
    const dialog = await ask(visit, "Pause");
    await here.cluster.freeze(dies);
    await dialog.locator("button[type=submit]").click();
    const failed = dialog.locator(".result").filter({ hasText: dies.http });
    await failed.getByText("failed").waitFor();
    await look(visit, "dialog-failed");
    await here.cluster.thaw(dies);
    await dialog.getByRole("button", { name: "Retry on 1 address" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual((await topics("partly")).map((found) => found.paused), [true, true]);
  });
});

test("an action for which some addresses could not be determined is tried again as a whole", async () => {
  await topic("unsure");
  await here.visit({}, async (visit) => {
    await visit.open("/topics/unsure");
    const dialog = await ask(visit, "Pause");
    const asked = [];
    const failures = [{ address: "lookup:4161", stage: "lookup", status: null, text: "connection refused", since: null }];
    await visit.page.route("**/api/v1/actions", (route) => {
      asked.push(route.request().postDataJSON());
      return asked.length > 1 ? route.continue() : route.fulfill({ json: { ok: false, results: [], failures } });
    });
    await dialog.locator("button[type=submit]").click();
    await dialog.getByText("some addresses could not be determined").waitFor();
    await dialog.getByRole("button", { name: "Try again" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual(asked.map(({ only }) => only), [undefined, undefined]);
    assert.deepEqual((await topics("unsure")).map((found) => found.paused), [true, true]);
  });
});

test("what came of it is told also to who has closed the dialog", async () => {
  await topic("closed");
  await here.visit({}, async (visit) => {
    visit.expected.push(/status of 502/);
    await visit.open("/topics/closed");
    for (const button of ["Pause", "Create channel"]) {
      const held = new Promise((resolve) => visit.page.route("**/api/v1/actions", resolve));
      await visit.main.getByRole("button", { name: button, exact: true }).click();
      const dialog = visit.page.getByRole("dialog");
      if (button !== "Pause") await dialog.getByLabel("Channel").fill("late");
      await dialog.locator("button[type=submit]:enabled").click();
      const route = await held;
      await visit.page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await route.fulfill({ status: 502, body: "" });
      const toast = visit.page.locator(".toast-bad").filter({ hasText: button.split(" ")[0] });
      await toast.getByText("It may have been done or not").waitFor();
      await visit.heading("closed").waitFor();
      await visit.page.unroute("**/api/v1/actions");
    }
  });
});

test("what came of a test message is told also to who has closed the dialog", async () => {
  await topic("unseen");
  await here.visit({}, async (visit) => {
    visit.expected.push(/status of 502/);
    await visit.open("/topics/unseen");
    const answers = [
      [(route) => route.continue(), "Published to unseen."],
      [(route) => route.fulfill({ status: 502, body: "" }), "Publish a test message to unseen? It may have been done or not"],
    ];
    for (const [answer, told] of answers) {
      const held = new Promise((resolve) => visit.page.route("**/api/v1/topics/unseen/publish", resolve));
      await visit.main.getByRole("button", { name: "Publish", exact: true }).click();
      const dialog = visit.page.getByRole("dialog");
      await dialog.getByLabel("Body", { exact: true }).fill("late");
      await dialog.getByRole("button", { name: "Publish" }).click();
      const route = await held;
      await visit.page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await answer(route);
      await visit.page.locator(".toast").filter({ hasText: told }).waitFor();
      await visit.page.unroute("**/api/v1/topics/unseen/publish");
    }
    const counts = (await topics("unseen")).map((found) => found.message_count);
    assert.deepEqual(counts.sort(), [3, 4], "one of the two was sent");
  });
});

test("what was done stands in the audit log", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/audit");
    for (const text of ["pause topic", "delete channel", "tombstone topic producer", "publish"]) {
      await visit.main.getByText(text, { exact: true }).first().waitFor();
    }
    await visit.main.getByRole("button", { name: /^Failed/ }).click();
    const row = visit.main.getByRole("row").filter({ hasText: "partly" });
    await row.locator("summary").click();
    await row.getByText(here.cluster.nodes[1].http, { exact: true }).waitFor();
  });
});
