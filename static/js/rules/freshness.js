/** How old the data on screen is, and when to try again: pure, so that node can test it. */
import { span } from "./format.js";

/**
 * @typedef {object} Freshness
 * @property {"waiting" | "live" | "polling" | "old" | "disconnected" | "paused"} state
 * @property {string} text short, for the header
 */

/**
 * @typedef {object} Received
 * @property {number | null} polledAt server's time of the newest complete poll, ms
 * @property {number} serverNow server's clock when it sent the data, ms
 * @property {number} receivedAt browser's monotonic clock at arrival, ms
 * @property {number} pollMs interval of polls
 */

/**
 * The age of the data in ms by the server's clock at arrival and the browser's clock since; `null` before the first poll.
 * @param {Received | null} received
 * @param {number} clock browser's monotonic clock, ms
 */
export function ageOf(received, clock) {
  if (!received || received.polledAt === null) return null;
  return Math.max(0, received.serverNow - received.polledAt) + Math.max(0, clock - received.receivedAt);
}

/**
 * What the header says. Data count as fresh for two and a half polls, but at least 5 s.
 * @param {{received: Received | null, clock: number, connected: boolean, polling: boolean, paused: boolean}} now
 * @returns {Freshness}
 */
export function describeFreshness({ received, clock, connected, polling, paused }) {
  const age = ageOf(received, clock);
  const old = age === null ? "" : `${span(age / 1000)} old`;
  if (paused) return { state: "paused", text: old ? `paused · ${old}` : "paused" };
  if (!connected) return { state: received ? "disconnected" : "waiting", text: notConnected(received, old) };
  if (received && age === null) return { state: "waiting", text: "first poll …" };
  if (age === null) return { state: "live", text: "live" };
  if (age > Math.max(5000, 2.5 * received.pollMs)) return { state: "old", text: old };
  return polling ? { state: "polling", text: `live · ${span(age / 1000)}` } : { state: "live", text: "live" };
}

function notConnected(received, old) {
  if (!received) return "connecting …";
  return old ? `disconnected · ${old}` : "disconnected";
}

/**
 * How long to wait before try number `attempt` (from 0): 1 s, doubled each time, at most 20 s, less up to a quarter by chance
 * so that many browsers do not come back together.
 * @param {number} attempt
 * @param {number} chance between 0 and 1
 * @returns {number} ms
 */
export function retryDelay(attempt, chance) {
  const full = Math.min(20_000, 1000 * 2 ** Math.min(attempt, 10));
  return Math.round(full * (1 - chance / 4));
}
