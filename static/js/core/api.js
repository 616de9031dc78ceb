/** Asks the API below `api/v1` and turns every failure into an `ApiError` with a sentence for people. */
import { apiUrl } from "./base.js";

const TIMEOUT_MS = 30_000;

/** What is said for codes of the API that come without a text of their own. */
const SENTENCES = {
  CROSS_ORIGIN: "The request came from another site and was refused.",
  FORBIDDEN: "You may not do this: your user is not among nsqadmin's --admin-user.",
  TOPIC_NOT_FOUND: "This topic is not known to any node or registry.",
  CHANNEL_NOT_FOUND: "This channel is not known to any node or registry.",
  NODE_NOT_FOUND: "This node is not known.",
  NOT_FOUND: "nsqadmin does not know this address.",
  CONFIRM: "The name that was typed is not the right one.",
};

/** A request that failed. `code` is the API's `message`, or `NETWORK`, `TIMEOUT`, `ABORTED`, `NOT_JSON`. */
export class ApiError extends Error {
  /**
   * @param {number | null} status HTTP status, `null` without an answer
   * @param {string} code
   * @param {string} text what a person reads
   */
  constructor(status, code, text) {
    super(text);
    this.status = status;
    this.code = code;
  }

  /**
   * What an answer that is no success says.
   * @param {Response} response
   */
  static async of(response) {
    return refusal(response.status, await decode(response));
  }
}

/**
 * `GET api/v1/<path>`
 * @param {string} path
 * @param {Object<string, string | number | null | undefined>} [parameters]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function get(path, parameters, signal) {
  return ask(apiUrl(path, parameters), { method: "GET" }, signal);
}

/**
 * `POST api/v1/<path>` with a JSON body
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return ask(apiUrl(path), { method: "POST", headers, body: JSON.stringify(body) }, signal);
}

async function ask(url, options, signal) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const response = await send(url, { ...options, signal: signal ? AbortSignal.any([signal, limit]) : limit });
  const json = await decode(response);
  if (!response.ok) throw refusal(response.status, json);
  return json;
}

async function send(url, options) {
  try {
    return await fetch(url, { ...options, headers: { Accept: "application/json", ...options.headers }, cache: "no-store" });
  } catch (error) {
    if (error.name === "TimeoutError") throw new ApiError(null, "TIMEOUT", "nsqadmin did not answer within 30 s.");
    if (error.name === "AbortError") throw new ApiError(null, "ABORTED", "The request was given up.");
    throw new ApiError(null, "NETWORK", "nsqadmin cannot be reached.");
  }
}

async function decode(response) {
  try {
    return await response.json();
  } catch {
    if (!response.ok) return null;
    throw new ApiError(response.status, "NOT_JSON", "The answer is not JSON: is something between the browser and nsqadmin?");
  }
}

function refusal(status, json) {
  const code = typeof json?.message === "string" ? json.message : `HTTP ${status}`;
  const text = json?.text || SENTENCES[code] || `nsqadmin answered ${status}${json?.message ? `: ${code}` : "."}`;
  return new ApiError(status, code, text);
}
