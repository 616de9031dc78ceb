// A node, a registry or nsqadmin itself dies while a page is open: it is said within seconds, the rest stays, and it heals.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";
import { until } from "../harness/wait.js";

const SECONDS = 10_000;
const here = stage({ admin: ["--http-client-request-timeout=2s"] });

test("a node that dies is named on each page that is open, next to the data of the other, until it is back", async () => {
  const [stays, dies] = here.cluster.nodes;
  await here.visit({}, async (nodes) => {
    await here.visit({}, async (topic) => {
      await nodes.open("/nodes");
      await topic.open("/topics/orders");
      await nodes.main.getByRole("link", { name: dies.http }).waitFor();
      await dies.kill();
      await nodes.main.getByText(/unreachable|missing/).filter({ visible: true }).first().waitFor({ timeout: SECONDS });
      await nodes.main.getByRole("link", { name: stays.http }).waitFor();
      await topic.main.locator(".failures").getByText(dies.http).filter({ visible: true }).first().waitFor({ timeout: SECONDS });
      await topic.main.getByText(stays.http).filter({ visible: true }).first().waitFor();
      await nodes.screenshot("nodes-one-dead");
      await topic.screenshot("topic-one-dead");
      await dies.start();
      await nodes.main.getByText(/unreachable|missing/).filter({ visible: true }).first().waitFor({ state: "detached", timeout: 3 * SECONDS });
      await topic.main.locator(".failures").waitFor({ state: "hidden" });
    });
  });
});

test("a node that hangs is named, and the page goes on with the other", async () => {
  const [stays, hangs] = here.cluster.nodes;
  await here.visit({}, async (visit) => {
    await visit.open("/topics/orders");
    await here.cluster.freeze(hangs);
    const banner = visit.main.locator(".failures");
    await banner.getByText(hangs.http).first().waitFor({ timeout: 3 * SECONDS });
    await visit.main.getByText(stays.http).filter({ visible: true }).first().waitFor();
    await here.cluster.thaw(hangs);
    await banner.waitFor({ state: "hidden", timeout: 3 * SECONDS });
  });
});

test("of a node that has never answered nothing is known, which is not nothing", async () => {
  const [, hangs] = here.cluster.nodes;
  await here.cluster.freeze(hangs);
  const admin = await here.cluster.startAdmin(["--http-client-request-timeout=2s"]);
  await here.visit({ admin }, async (visit) => {
    await visit.open("/nodes");
    const row = visit.main.getByRole("row").filter({ hasText: hangs.http });
    await row.getByText("unreachable").waitFor({ timeout: 3 * SECONDS });
    for (const column of ["topics", "clients", "depth"]) assert.match(await row.locator(`.column-${column}`).innerText(), /^–/, column);
    await visit.open(`/nodes/${hangs.http}`);
    await visit.main.getByText("What it holds is not known").waitFor();
    for (const value of await visit.main.locator(".tile-value").allInnerTexts()) assert.match(value, /^–/);
    await here.cluster.thaw(hangs);
    await visit.main.getByRole("link", { name: "orders", exact: true }).first().waitFor({ timeout: 3 * SECONDS });
  });
});

test("a registry that dies is named, and its nodes are still there", async () => {
  const [registry] = here.cluster.registries;
  await here.visit({}, async (visit) => {
    await visit.open("/registries");
    await here.cluster.freeze(registry);
    await visit.main.getByText("unreachable").filter({ visible: true }).first().waitFor({ timeout: 3 * SECONDS });
    await visit.main.getByRole("link", { name: here.cluster.nodes[0].http }).first().waitFor();
    await visit.screenshot("registries-one-dead");
    await here.cluster.thaw(registry);
    await visit.main.getByText("unreachable").first().waitFor({ state: "detached", timeout: 3 * SECONDS });
  });
});

test("when nsqadmin itself ends, the page says how old its data are, and is live again when it is back", async () => {
  const port = await here.cluster.freePort();
  const admin = await here.cluster.startAdmin([`--http-address=127.0.0.1:${port}`]);
  await here.visit({ admin, width: 360 }, async (visit) => {
    visit.expected.push(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET/);
    await visit.open("/topics");
    const freshness = visit.page.locator(".freshness");
    await freshness.getByText("live").waitFor();
    await admin.kill();
    await freshness.getByText(/disconnected/).waitFor({ timeout: SECONDS });
    await visit.main.getByRole("link", { name: "orders" }).waitFor();
    await freshness.getByText(/disconnected · \d/).waitFor({ timeout: SECONDS });
    assert.ok((await visit.overflow()) <= 0, "the page is not wider than the window");
    await visit.screenshot("topics-disconnected");
    await admin.start();
    await freshness.getByText("live").waitFor({ timeout: 3 * SECONDS });
  });
});

test("with every node gone the pages say so, and nobody sees zeros that are none", async () => {
  const nodes = here.cluster.nodes;
  await here.visit({}, async (visit) => {
    await visit.open("/");
    await Promise.all(nodes.map((node) => node.kill()));
    await until(async () => (await visit.main.innerText()).includes(nodes[0].http), "the name of a dead node on the overview", 3 * SECONDS);
    const value = (label) => visit.main.locator(".tile").filter({ has: visit.page.getByText(label, { exact: true }) }).locator(".tile-value").innerText();
    await until(async () => (await value("In")).startsWith("–"), "an unknown rate", SECONDS);
    for (const label of ["Depth", "Topics", "Nodes"]) assert.notEqual(await value(label), "0", label);
    await visit.screenshot("overview-all-dead");
    assert.deepEqual(await visit.violations(), []);
    await Promise.all(nodes.map((node) => node.start()));
  });
});
