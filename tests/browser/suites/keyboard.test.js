// Everything can be done without a pointer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";

const here = stage();
const TABS_MAX = 60;

/** Presses Tab until the element with the focus has this name. */
async function tabTo(page, name) {
  for (let pressed = 0; pressed < TABS_MAX; pressed += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const visible = element.getClientRects().length > 0;
      return visible ? (element.getAttribute("aria-label") ?? element.textContent).trim() : null;
    });
    assert.notEqual(focused, null, "the focus can be seen");
    if (name.test(focused)) return;
  }
  assert.fail(`no ${name} within ${TABS_MAX} steps`);
}

test("the first step skips to the content", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics");
    await visit.page.keyboard.press("Tab");
    await visit.page.keyboard.press("Enter");
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), "main");
  });
});

test("from the topics to a channel, and it is paused, with keys alone", async () => {
  await here.visit({}, async (visit) => {
    const { page } = visit;
    await visit.open("/");
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await visit.heading("Topics").waitFor();
    await visit.shown();
    await page.keyboard.press("/");
    await page.keyboard.type("clic");
    await visit.main.getByText("1 of 3 rows").waitFor();
    await tabTo(page, /^clicks$/);
    await page.keyboard.press("Enter");
    await visit.heading("clicks").waitFor();
    await visit.shown();
    await tabTo(page, /^metrics$/);
    await page.keyboard.press("Enter");
    await visit.heading("metrics").waitFor();
    await visit.shown();
    await tabTo(page, /^Pause$/);
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.locator("button[type=submit]:enabled:focus").waitFor();
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await visit.main.getByRole("button", { name: "Unpause" }).waitFor();
  });
});

test("a dialog holds the focus, Escape closes it, and the focus is where it was", async () => {
  await here.visit({}, async (visit) => {
    const { page } = visit;
    await visit.open("/topics/orders");
    await tabTo(page, /^Delete/);
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").waitFor();
    for (let pressed = 0; pressed < 6; pressed += 1) {
      await page.keyboard.press("Tab");
      assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog") !== null));
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Delete/);
    assert.ok(await here.cluster.topic(here.cluster.nodes[0], "orders"));
  });
});

test("the focus stays on a row while its data change", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics?sort=-in");
    const link = visit.page.getByRole("link", { name: "orders", exact: true });
    await link.focus();
    const before = await visit.page.getByRole("row").filter({ has: link }).innerText();
    await visit.page.waitForFunction((text) => document.activeElement.closest("tr")?.innerText !== text, before);
    assert.equal(await visit.page.evaluate(() => document.activeElement.textContent), "orders");
  });
});

test("when the row with the focus goes, or its name is drawn anew, the focus stays near", async () => {
  await here.visit({}, async (visit) => {
    for (const name of ["goes.a", "goes.b"]) {
      for (const node of here.cluster.nodes) await node.post(`/topic/create?topic=${name}`);
      await here.cluster.listed(name);
    }
    await visit.open("/topics");
    const focus = () => visit.page.evaluate(() => document.activeElement.textContent);
    await visit.main.getByRole("link", { name: "goes.a", exact: true }).focus();
    for (const node of here.cluster.nodes) await node.post("/topic/pause?topic=goes.a");
    await visit.page.getByRole("row").filter({ hasText: "goes.a" }).getByText("paused").first().waitFor();
    assert.equal(await focus(), "goes.a");
    const body = JSON.stringify({ action: "delete_topic", topic: "goes.a", confirm: "goes.a" });
    await here.cluster.admin.ask("/api/v1/actions", { method: "POST", body, headers: { "Content-Type": "application/json" } });
    await visit.main.getByRole("link", { name: "goes.a", exact: true }).waitFor({ state: "detached" });
    assert.equal(await focus(), "goes.b");
  });
});

test("colours are chosen by hand, and are still there after a reload", async () => {
  await here.visit({ theme: "light" }, async (visit) => {
    await visit.open("/topics");
    const background = () => visit.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await background();
    const button = visit.page.getByRole("button", { name: /Colours/ });
    await button.click();
    await button.click();
    await visit.page.getByRole("button", { name: /Colours: dark/ }).waitFor();
    assert.notEqual(await background(), light);
    await visit.page.reload();
    await visit.shown();
    assert.notEqual(await background(), light);
  });
});
