// Tables stay in hand while their data change, and what was chosen stands in the address.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";

const here = stage({ traffic: false });
const TOPICS = ["first", "second", "third"];

/** Messages in one go, on the first node. */
function publish(topic, count) {
  return here.cluster.nodes[0].post(`/mpub?topic=${topic}`, Array(count).fill("x").join("\n"));
}

function order(visit) {
  return visit.main.locator("tbody th a").allInnerTexts();
}

function depthIs(visit, topic, depth) {
  const row = visit.main.getByRole("row").filter({ has: visit.page.getByRole("link", { name: topic, exact: true }) });
  return row.getByText(depth, { exact: true }).waitFor();
}

test("topics come into an empty table as they are made", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics");
    await visit.main.getByText("No topics yet").waitFor();
    await Promise.all(TOPICS.map((topic, i) => publish(topic, 30 - 10 * i)));
    for (const topic of TOPICS) await visit.main.getByRole("link", { name: topic, exact: true }).waitFor();
    await visit.main.getByText("No topics yet").waitFor({ state: "hidden" });
  });
});

test("sorting, filter and condition stand in the address and hold after a reload", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics");
    await visit.main.getByRole("button", { name: "Depth", exact: true }).click();
    await visit.main.getByRole("button", { name: /^With backlog/ }).click();
    await visit.main.getByRole("searchbox").fill("ir");
    await visit.page.waitForURL((url) => url.search === "?sort=-depth&show=backlog&filter=ir");
    await visit.page.reload();
    await visit.shown();
    assert.deepEqual(await order(visit), ["first", "third"]);
    assert.equal(await visit.main.getByRole("searchbox").inputValue(), "ir");
    assert.equal(await visit.main.locator("th[aria-sort=descending]").innerText(), "Depth");
    assert.equal(await visit.main.getByRole("button", { name: /^With backlog/ }).getAttribute("aria-pressed"), "true");
  });
});

test("rows do not change places under the pointer, but do when it leaves", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics?sort=-depth");
    assert.deepEqual(await order(visit), ["first", "second", "third"]);
    await visit.main.getByRole("link", { name: "second" }).hover();
    await publish("third", 100);
    await depthIs(visit, "third", "110");
    assert.deepEqual(await order(visit), ["first", "second", "third"]);
    await visit.main.getByRole("heading", { level: 1 }).hover();
    assert.deepEqual(await order(visit), ["third", "first", "second"]);
  });
});

test("a selection and the focus survive new data, rows that move, and rows that come", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics?sort=-depth");
    await visit.main.getByRole("link", { name: "second" }).focus();
    await visit.page.evaluate(() => getSelection().selectAllChildren(document.activeElement));
    await publish("new.one", 5);
    await publish("second", 1000);
    await depthIs(visit, "second", "1,020");
    await visit.main.getByRole("link", { name: "new.one" }).waitFor();
    const [focused, selected] = await visit.page.evaluate(() => [document.activeElement.textContent, String(getSelection())]);
    assert.deepEqual([focused, selected], ["second", "second"]);
  });
});

test("paused updates stand still until they go on", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics");
    await visit.page.getByRole("button", { name: "Pause updates" }).click();
    await visit.page.locator(".freshness").getByText(/paused/).waitFor();
    const before = await visit.main.locator("tbody").innerText();
    await publish("while.paused", 7);
    await here.cluster.listed("while.paused");
    await visit.page.locator(".freshness").getByText(/paused · [1-9]/).waitFor();
    assert.equal(await visit.main.locator("tbody").innerText(), before);
    await visit.page.getByRole("button", { name: "Resume updates" }).click();
    await visit.main.getByRole("link", { name: "while.paused" }).waitFor();
  });
});

test("Back leads to where one was on the page", async () => {
  await here.visit({ width: 360 }, async (visit) => {
    await visit.open("/topics");
    await visit.main.getByRole("link", { name: "third" }).scrollIntoViewIfNeeded();
    await visit.page.evaluate(() => scrollTo(0, 300));
    const link = visit.main.getByRole("link", { name: "third" });
    await link.click();
    await visit.heading("third").waitFor();
    await visit.shown();
    assert.equal(await visit.page.evaluate(() => scrollY), 0);
    await visit.page.goBack();
    await visit.heading("Topics").waitFor();
    await visit.page.waitForFunction(() => scrollY === 300);
  });
});

test("a topic is found by a part of its name, with keys alone, from anywhere", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/registries");
    await visit.page.keyboard.press("Control+k");
    const dialog = visit.page.getByRole("dialog", { name: "Jump to" });
    await visit.page.keyboard.type("thi");
    await dialog.getByRole("option", { name: "third Topic", selected: true }).waitFor();
    await visit.page.keyboard.press("Enter");
    await visit.heading("third").waitFor();
    assert.match(await visit.page.evaluate(() => document.activeElement.textContent), /third/);
  });
});

test("keys can be turned off, and stay so", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics");
    await visit.page.getByRole("checkbox", { name: /Keys/ }).uncheck();
    await visit.page.reload();
    await visit.shown();
    await visit.page.keyboard.press("/");
    await visit.page.keyboard.press("k");
    assert.equal(await visit.page.evaluate(() => document.activeElement.tagName), "BODY");
    assert.equal(await visit.page.getByRole("dialog").count(), 0);
  });
});
