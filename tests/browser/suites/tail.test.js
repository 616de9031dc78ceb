// Live tail and peek: messages as they are published, filtered, as JSON or text, without taking any from a consumer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";
import { until } from "../harness/wait.js";

const here = stage();

async function start(visit) {
  await visit.main.getByRole("button", { name: "Start" }).click();
  await visit.main.getByText(/Listening on/).waitFor();
}

test("messages of both nodes come as they are published, and the channel goes when it is stopped", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/tail/orders");
    await start(visit);
    for (const node of here.cluster.nodes) await visit.main.locator(".message").filter({ hasText: node.http }).first().waitFor();
    await visit.main.getByText(/messages received/).waitFor();
    await visit.main.getByRole("button", { name: "Stop" }).click();
    await visit.main.getByText("Stopped.").waitFor();
    const channels = async () => (await Promise.all(here.cluster.nodes.map((node) => here.cluster.topic(node, "orders")))).flatMap((topic) => topic.channels.map((channel) => channel.channel_name));
    await until(async () => (await channels()).every((name) => !name.endsWith("#ephemeral")), "the end of the ephemeral channels");
  });
});

test("only messages with the text that is looked for are shown", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/tail/orders?filter=needle");
    assert.equal(await visit.main.getByLabel("Body contains").inputValue(), "needle");
    await start(visit);
    await here.cluster.nodes[1].post("/pub?topic=orders", JSON.stringify({ found: "a needle", html: "<img src=x onerror=alert(1)>" }));
    const message = visit.main.locator(".message");
    await message.getByText('"a needle"').waitFor();
    await message.getByText('"<img src=x onerror=alert(1)>"').waitFor();
    assert.equal(await message.count(), 1);
    await visit.main.getByText(/, 1 with what you look for/).waitFor();
  });
});

test("peek ends after the number of messages that was asked for", async () => {
  await here.visit({}, async (visit) => {
    await visit.open(`/tail/orders?limit=3&node=${here.cluster.nodes[0].http}`);
    await visit.main.getByRole("button", { name: "Start" }).click();
    await visit.main.getByText(/the number of messages that you asked for/).waitFor();
    await until(async () => (await visit.main.locator(".message").count()) === 3, "three messages");
    assert.equal(await visit.main.locator(".message").filter({ hasText: here.cluster.nodes[0].http }).count(), 3);
    assert.deepEqual(await visit.violations(), []);
    await visit.screenshot("tail-peek");
  });
});

test("JSON is shown as a tree that opens and closes, or as text; bytes that are no text as hexadecimal", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/tail/orders?filter=KEY");
    await start(visit);
    const written = '{"KEY":{"deep":{"deeper":{"id":12345678901234567890}}}}';
    await here.cluster.nodes[0].post("/pub?topic=orders", written);
    const message = visit.main.locator(".message");
    await message.getByText("deep: {").click();
    await message.getByText("deeper: { id: 12345678901234567890 }").waitFor();
    await visit.main.getByRole("radio", { name: "Text" }).check();
    await message.getByText(written).waitFor();
    await here.cluster.nodes[0].post("/pub?topic=orders", Buffer.from([0x4b, 0x45, 0x59, 0xff, 0x00]));
    await message.getByText("0000  4b 45 59 ff 00  KEY..").waitFor();
  });
});

test("while it is held still nothing moves, and what came meanwhile is shown afterwards", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/tail/orders");
    await start(visit);
    await visit.main.locator(".message").first().waitFor();
    await visit.main.getByRole("button", { name: "Hold still" }).click();
    const first = await visit.main.locator(".message-id").first().innerText();
    const received = async () => Number((await visit.main.locator(".tail-counts").innerText()).match(/^[\d,]+/)?.[0].replace(",", ""));
    await until(async () => (await received()) > 0, "the first count");
    const before = await received();
    await until(async () => (await received()) > before + 20, "twenty more messages");
    assert.equal(await visit.main.locator(".message-id").first().innerText(), first);
    await visit.main.getByRole("button", { name: "Show new ones" }).click();
    await until(async () => (await visit.main.locator(".message-id").first().innerText()) !== first, "newer messages on screen");
  });
});

test("a topic without a channel is not listened to, and it is said why", async () => {
  await here.visit({}, async (visit) => {
    visit.expected.push(/status of 409/);
    await visit.open("/tail/logs");
    await visit.main.getByRole("button", { name: "Start" }).click();
    await visit.main.getByText(/^Not started: .*channel/).waitFor();
    for (const node of here.cluster.nodes) assert.deepEqual((await here.cluster.topic(node, "logs")).channels, []);
  });
});

test("a node that dies is named while the messages of the other go on", async () => {
  const [stays, dies] = here.cluster.nodes;
  await here.visit({}, async (visit) => {
    await visit.open("/tail/orders");
    await start(visit);
    await visit.main.locator(".message").filter({ hasText: dies.http }).first().waitFor();
    await dies.kill();
    await visit.main.locator(".tail-faults").getByText(dies.http).waitFor();
    const newest = () => visit.main.locator(".message").first().innerText();
    const before = await newest();
    await until(async () => (await newest()) !== before && (await newest()).includes(stays.http), "further messages of the other node");
    await dies.start();
  });
});
