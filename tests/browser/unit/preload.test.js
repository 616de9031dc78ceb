import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const STATIC = fileURLToPath(new URL("../../../static/", import.meta.url));
const ROOTS = ["js/main.js", "js/pages/overview.js"];

/** The modules that a module needs before it runs, itself included, as paths below static/. */
function closure(roots) {
  const found = new Set();
  const waiting = [...roots];
  while (waiting.length) {
    const path = waiting.pop();
    if (found.has(path)) continue;
    found.add(path);
    const source = readFileSync(STATIC + path, "utf8");
    for (const [, target] of source.matchAll(/^import [^;]*?"(\.[^"]+)";/gm)) {
      waiting.push(new URL(target, `file:///${path}`).pathname.slice(1));
    }
  }
  return [...found].sort();
}

test("the index asks at once for all that the overview needs, instead of finding it import by import", () => {
  const index = readFileSync(`${STATIC}index.html`, "utf8");
  const listed = [...index.matchAll(/<link rel="modulepreload" href="\{\{base\}\}static\/([^"]+)">/g)].map(([, path]) => path);
  assert.deepEqual(listed, closure(ROOTS), "the modulepreload lines of static/index.html, in order");
});
