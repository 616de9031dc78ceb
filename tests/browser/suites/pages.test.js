// Every page with a live cluster: it shows what is there, in both themes and at both widths, and does nothing that it may not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { THEMES, WIDTHS } from "../harness/browser.js";
import { stage } from "../harness/stage.js";

const here = stage();
const node = (number) => here.cluster.nodes[number].http;

/** Name of its pictures, path, heading, and what the data of the cluster must make it show. */
const PAGES = [
  ["overview", () => "/", /Overview/, () => [/orders/, /clicks/]],
  ["topics", () => "/topics", /Topics/, () => [/orders/, /clicks/, /logs/]],
  ["topic", () => "/topics/orders", /orders/, () => [/billing/, /audit/, new RegExp(node(0)), new RegExp(node(1))]],
  ["topic-without-channels", () => "/topics/logs", /logs/, () => [new RegExp(node(0))]],
  ["channel", () => "/topics/orders/audit", /audit/, () => [/audit-1/, new RegExp(node(0)), new RegExp(node(1))]],
  ["nodes", () => "/nodes", /Nodes/, () => [new RegExp(node(0)), new RegExp(node(1)), /2 of 2/]],
  ["node", () => `/nodes/${node(0)}`, /^Node/, () => [/orders/, /billing/, /audit-1/]],
  ["registries", () => "/registries", /Registries/, () => here.cluster.registries.map(({ http }) => new RegExp(http))],
  ["lookup", () => "/lookup", /Lookup/, () => [/forgotten/, /archive/]],
  ["counter", () => "/counter", /Counter/, () => [/Published/]],
  ["tail", () => "/tail/orders", /orders/, () => [/Not started/]],
  ["audit", () => "/audit", /Audit/, () => [/pause channel/]],
];

test("there is something on every page", async () => {
  for (const registry of here.cluster.registries) {
    await registry.post("/topic/create?topic=forgotten");
    await registry.post("/channel/create?topic=forgotten&channel=archive");
  }
  const body = JSON.stringify({ action: "pause_channel", topic: "clicks", channel: "archive" });
  await here.cluster.admin.ask("/api/v1/actions", { method: "POST", body, headers: { "Content-Type": "application/json" } });
});

for (const theme of THEMES) {
  for (const width of WIDTHS) {
    test(`every page is well at ${width} px in ${theme}`, async () => {
      await here.visit({ theme, width }, async (visit) => {
        for (const page of PAGES) await look(visit, page);
      });
    });
  }
}

// The server answers 404 for a path that is none; a script comes to it by a link of another version.
test("a path that is no page says so", async () => {
  for (const [theme, width] of [["light", WIDTHS[1]], ["dark", WIDTHS[0]]]) {
    await here.visit({ theme, width }, async (visit) => {
      await visit.open("/topics");
      await visit.page.evaluate(() => {
        history.pushState(null, "", "/no/such/page");
        dispatchEvent(new PopStateEvent("popstate"));
      });
      await check(visit, ["missing", null, /no such page/, () => [/Nothing here/]]);
    });
  }
});

async function look(visit, page) {
  const [, path] = page;
  await visit.open(path());
  await check(visit, page);
}

async function check(visit, [name, , heading, contents]) {
  await visit.heading(heading).waitFor();
  for (const text of contents()) await visit.main.getByText(text).filter({ visible: true }).first().waitFor();
  assert.ok((await visit.overflow()) <= 0, `${name} is not wider than the window`);
  await visit.screenshot(name);
  // Both themes and both widths, but not each with each: axe-core takes longer than everything else.
  if ((visit.look.theme === "light") === (visit.look.width === WIDTHS[1])) assert.deepEqual(await visit.violations(), [], `${name} for axe-core`);
}
