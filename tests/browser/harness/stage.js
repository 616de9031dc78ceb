// What most suites need: a cluster with traffic and a browser, started before the first test and gone after the last.

import { after, before } from "node:test";
import { Browser } from "./browser.js";
import { Cluster } from "./cluster.js";
import { Traffic } from "./traffic.js";

/** Registers the start and the end with the test runner; the parts are there when the first test runs. */
export function stage({ traffic = true, ...options } = {}) {
  const parts = { cluster: null, browser: null, traffic: null };
  before(async () => {
    parts.browser = await Browser.start();
    parts.cluster = await Cluster.start(options);
    if (traffic) parts.traffic = await Traffic.start(parts.cluster);
  });
  after(async () => {
    parts.traffic?.stop();
    await parts.browser?.stop();
    await parts.cluster?.stop();
  });
  return {
    get cluster() {
      return parts.cluster;
    },
    get traffic() {
      return parts.traffic;
    },
    /** Opens a window on the cluster's nsqadmin, runs the steps, and fails if a page did what none may do. */
    async visit(options, steps) {
      const visit = await parts.browser.visit(options.admin ?? parts.cluster.admin, options);
      try {
        await steps(visit);
      } catch (error) {
        await visit.screenshot(`failed-${Date.now()}`);
        throw new Error(`${error.message}\n${visit.faults.join("\n")}`, { cause: error });
      } finally {
        await visit.page.context().close();
      }
      visit.check();
    },
  };
}
