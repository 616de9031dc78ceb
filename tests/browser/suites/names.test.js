// Names: what is none is refused in words, what is one works everywhere, and none is ever markup.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";

const here = stage({ traffic: false });
const SCRIPT = "<script>alert(1)</script>";
const LEGAL = ["Az09.-_", "All.Chars-of_NSQ-0123456789.ABCDEFGHIJKLMNOPQRSTUVWXYZ-abcdefghijk", "tmp-1#ephemeral", "..", "a.b..c", "-", "_"].map((name) => name.slice(0, 64));

test("a topic named like a script tag is refused by the form, in words, and by the API", async () => {
  await here.visit({}, async (visit) => {
    await visit.open("/topics");
    await visit.main.getByRole("button", { name: "Create topic" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByLabel("Topic").fill(SCRIPT);
    await dialog.getByText("“<” is not allowed").waitFor();
    assert.equal(await dialog.getByLabel("Topic").getAttribute("aria-invalid"), "true");
    await dialog.getByRole("button", { name: "Create" }).click();
    assert.ok(await dialog.isVisible(), "nothing was sent");
    const answer = await visit.page.request.post(`${visit.origin}/api/v1/actions`, { data: { action: "create_topic", topic: SCRIPT } });
    assert.equal(answer.status(), 400);
    for (const registry of here.cluster.registries) assert.deepEqual((await registry.ask("/topics")).topics, []);
  });
});

test("an address with a script tag in it shows a page that says there is no such topic", async () => {
  await here.visit({}, async (visit) => {
    visit.expected.push(/status of 4\d\d/);
    await visit.open(`/topics/${encodeURIComponent(SCRIPT.replace("/", ""))}`);
    await visit.heading("<script>alert(1)<script>").waitFor();
    await visit.main.getByText("No topic of this name is known").waitFor();
    assert.equal(await visit.page.locator("main script").count(), 0);
  });
});

test("long names are not wider than a phone, in tables, problems and dialogs", async () => {
  const [long, channel] = ["W", "M"].map((letter) => letter.repeat(64));
  for (const node of here.cluster.nodes) {
    await node.post(`/topic/create?topic=${long}`);
    await node.post(`/channel/create?topic=${long}&channel=${channel}`);
    await node.post(`/mpub?topic=${long}`, Array(200).fill("message").join("\n"));
  }
  await here.cluster.listed(long);
  await here.visit({ width: 360 }, async (visit) => {
    for (const path of ["/", "/topics", `/topics/${long}`, `/topics/${long}/${channel}`, `/nodes/${here.cluster.nodes[0].http}`, "/lookup", `/tail/${long}`]) {
      await visit.open(path);
      await visit.main.getByText(path === "/lookup" ? /Lookup/ : long).filter({ visible: true }).first().waitFor();
      assert.ok((await visit.overflow()) <= 0, path);
    }
    await visit.open("/");
    await visit.main.locator(".problem").getByText(channel).first().waitFor();
    assert.ok((await visit.overflow()) <= 0, "the problems");
    await visit.screenshot("overview-long-names");
    await visit.open(`/topics/${long}/${channel}`);
    await visit.main.getByRole("button", { name: "Delete" }).click();
    const dialog = visit.page.getByRole("dialog");
    await dialog.getByRole("textbox").waitFor();
    assert.ok(await dialog.evaluate((element) => element.scrollWidth <= element.clientWidth), "the dialog");
    await visit.screenshot("dialog-long-names");
  });
});

for (const name of LEGAL) {
  test(`${name} is a topic and a channel like any other`, async () => {
    const part = encodeURIComponent(name);
    for (const node of here.cluster.nodes) {
      await node.post(`/topic/create?topic=${part}`);
      await node.post(`/channel/create?topic=${part}&channel=${part}`);
    }
    await here.cluster.listed(name);
    await here.visit({}, async (visit) => {
      await visit.open("/topics");
      await visit.main.getByRole("link", { name, exact: true }).click();
      await visit.heading(name).waitFor();
      await visit.page.reload();
      await visit.shown();
      await visit.main.getByRole("link", { name, exact: true }).last().click();
      await visit.main.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name, exact: true }).waitFor();
      await visit.page.reload();
      await visit.shown();
      await visit.main.getByRole("button", { name: "Pause", exact: true }).click();
      await visit.page.getByRole("dialog").locator("button[type=submit]:enabled").click();
      await visit.main.getByRole("button", { name: "Unpause" }).waitFor();
      for (const node of here.cluster.nodes) assert.ok((await here.cluster.topic(node, name)).channels[0].paused);
    });
  });
}
