/** Who looks at the pages, and at what: `api/v1/session`, asked once. */
import { get } from "./api.js";

/**
 * @typedef {object} Session
 * @property {string} version of nsqadmin
 * @property {"lookupd" | "direct"} mode
 * @property {string | null} user
 * @property {boolean} is_admin whether actions are offered
 * @property {string[]} lookupds
 * @property {string[]} nsqds
 * @property {number} poll_ms
 * @property {null | {url: string, interval_s: number, prefix: string, counter_format: string, gauge_format: string}} graphite
 */

/** What is assumed until the server has said: nothing may be changed. */
const NOBODY = {
  version: "",
  mode: "lookupd",
  user: null,
  is_admin: false,
  lookupds: [],
  nsqds: [],
  poll_ms: 2000,
  graphite: null,
};

/**
 * @returns {Promise<Session>} fails with an `ApiError`
 */
export async function loadSession() {
  return { ...NOBODY, ...(await get("session")) };
}
