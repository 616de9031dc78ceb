// Chromium, and visits of nsqadmin's pages that fail on anything a page must never do.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { WAIT_MS } from "./wait.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const HEIGHT = 900;
export const WIDTHS = [360, 1440];
export const THEMES = ["light", "dark"];

export class Browser {
  static async start() {
    const browser = new Browser();
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    browser.chromium = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
    return browser;
  }

  /** A window of its own, with its own storage. `headers` go along with each request, as a proxy in front would add them. */
  async visit(admin, { base = "/", theme = "light", width = 1440, headers = {} } = {}) {
    const options = { viewport: { width, height: HEIGHT }, colorScheme: theme, locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce" };
    const context = await this.chromium.newContext({ ...options, extraHTTPHeaders: headers });
    context.setDefaultTimeout(WAIT_MS);
    const page = await context.newPage();
    return new Visit(page, `http://${admin.http}`, base, { theme, width });
  }

  stop() {
    return this.chromium?.close();
  }
}

export class Visit {
  /** What the page did that no page may do, in words. */
  faults = [];
  /** Failures that the browser's console may tell of, as patterns: a test that provokes one says so. */
  expected = [];

  constructor(page, origin, base, look) {
    Object.assign(this, { page, origin, base, look });
    page.on("pageerror", (error) => this.faults.push(`uncaught ${error.stack ?? error}`));
    page.on("console", (message) => this.heard(message));
    page.on("request", (request) => this.asked(request.url()));
    page.on("dialog", (dialog) => this.faults.push(`a dialog of the browser: ${dialog.message()}`));
  }

  heard(message) {
    if (message.type() !== "error" && message.type() !== "warning") return;
    const text = `${message.text()} (${message.location().url})`;
    if (!this.expected.some((pattern) => pattern.test(text))) this.faults.push(`console: ${text}`);
  }

  asked(url) {
    const inside = `${url}/`.startsWith(this.origin + this.base) || url.startsWith("data:") || url.startsWith("blob:");
    if (!inside) this.faults.push(`asked for ${url}, which is outside of ${this.base}`);
  }

  /** Opens a page below the base path and waits until its data is shown. */
  async open(path) {
    const answer = await this.page.goto(this.origin + this.base.replace(/\/$/, "") + path);
    assert.equal(answer.status(), 200, `${path} is served`);
    await this.shown();
  }

  /** Waits until the page that is open shows its data. */
  async shown() {
    await this.page.locator("main h1").first().waitFor();
    await this.page.locator("main .loading").waitFor({ state: "detached" });
  }

  get main() {
    return this.page.locator("main");
  }

  /** The heading of the page, once it says this. */
  heading(text) {
    return this.page.getByRole("heading", { level: 1 }).filter({ hasText: text });
  }

  /** Violations of WCAG A and AA that axe-core calls serious or critical, in words. */
  async violations() {
    await this.page.evaluate(AXE);
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await this.page.evaluate((values) => window.axe.run(document, { preload: false, runOnly: { type: "tag", values } }), tags);
    const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    return bad.flatMap(({ id, nodes }) => nodes.slice(0, 3).map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
  }

  /** How many pixels the page is wider than its window. */
  overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }

  /** Leaves a picture of the whole page to be looked at. */
  screenshot(name) {
    const file = `${name}-${this.look.theme}-${this.look.width}.png`;
    return this.page.screenshot({ path: join(process.env.SCREENSHOTS, file), fullPage: true });
  }

  /** Fails if the page did what no page may do. */
  check() {
    assert.deepEqual(this.faults, []);
  }
}
