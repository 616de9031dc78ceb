// Below a base path everything works as at the root: assets, API, streams, links, reloads, and nothing is asked outside of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stage } from "../harness/stage.js";

const here = stage({ admin: ["--base-path=/tools/nsq/"] });
const base = "/tools/nsq/";

test("pages, links and reloads stay below the base path", async () => {
  await here.visit({ base }, async (visit) => {
    await visit.open("");
    await visit.page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Topics" }).click();
    await visit.heading("Topics").waitFor();
    assert.equal(new URL(visit.page.url()).pathname, "/tools/nsq/topics");
    await visit.main.getByRole("link", { name: "orders", exact: true }).click();
    await visit.heading("orders").waitFor();
    await visit.page.reload();
    await visit.shown();
    await visit.main.getByRole("link", { name: "audit", exact: true }).first().click();
    await visit.heading("audit").waitFor();
    await visit.page.goBack();
    await visit.heading("orders").waitFor();
    assert.equal(new URL(visit.page.url()).pathname, "/tools/nsq/topics/orders");
  });
});

test("every page can be opened there at once", async () => {
  const node = here.cluster.nodes[0].http;
  const paths = ["", "/topics", "/topics/orders", "/topics/orders/audit", "/nodes", `/nodes/${node}`, "/registries", "/counter", "/lookup", "/tail/orders", "/audit"];
  await here.visit({ base }, async (visit) => {
    for (const path of paths) {
      await visit.open(path);
      assert.equal(await visit.main.locator(".state-gone, .state-failed").count(), 0, path);
    }
  });
});

test("actions and the tail work there", async () => {
  await here.visit({ base }, async (visit) => {
    await visit.open("/tail/orders");
    await visit.main.getByRole("button", { name: "Start" }).click();
    await visit.main.locator(".message").first().waitFor();
    await visit.open("/topics/clicks");
    await visit.main.getByRole("button", { name: "Pause", exact: true }).click();
    await visit.page.getByRole("dialog").locator("button[type=submit]:enabled").click();
    await visit.main.getByRole("button", { name: "Unpause" }).waitFor();
    assert.ok((await here.cluster.topic(here.cluster.nodes[0], "clicks")).paused);
  });
});

test("outside of it there is nothing", async () => {
  for (const path of ["/", "/topics", "/api/v1/session", "/static/js/main.js"]) {
    assert.equal((await fetch(`http://${here.cluster.admin.http}${path}`)).status, 404, path);
  }
});
