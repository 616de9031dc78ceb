// Waiting with an end.

import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 20;
export const WAIT_MS = 30_000;

/** Asks until `condition` gives something true, and returns it. An error of the last question is part of the failure. */
export async function until(condition, what, ms = WAIT_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    let error = null;
    try {
      const found = await condition();
      if (found) return found;
    } catch (caught) {
      error = caught;
    }
    if (Date.now() > deadline) {
      throw new Error(`waited ${ms} ms for ${what}${error ? `: ${error.message}` : ""}`);
    }
    await pause(POLL_MS);
  }
}
