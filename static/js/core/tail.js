/**
 * Listens to a topic: the messages of `api/v1/tail` as they come. A stream is read with fetch, not with an EventSource, as that
 * cannot say why the server refused, and would come back by itself after the end.
 */
import { apiUrl } from "./base.js";
import { ApiError } from "./api.js";
import { EventDecoder } from "../rules/sse.js";

/**
 * @typedef {object} TailListeners
 * @property {(start: {nodes: string[], channel: string}) => void} onStarted
 * @property {(message: any) => void} onMessage
 * @property {(stats: {received: number, matched: number, dropped: number}) => void} onStats
 * @property {(failure: {node: string, text: string}) => void} onNodeFailure
 * @property {(reason: string) => void} onEnd "limit", "time", "stopped", or "lost" when the connection broke
 * @property {(error: ApiError) => void} onRefused nothing was started
 */

/**
 * @param {{topic: string, sample: number, node: string | null, limit: number | null, filter: string}} wish
 * @param {TailListeners} listeners
 * @returns {() => void} stops it
 */
export function openTail({ topic, sample, node, limit, filter }, listeners) {
  const controller = new AbortController();
  const url = apiUrl("tail", { topic, sample, node, limit, filter: filter || null });
  follow(url, controller.signal, listeners).catch((error) => {
    if (controller.signal.aborted) return;
    if (error instanceof ApiError) listeners.onRefused(error);
    else listeners.onEnd("lost");
  });
  return () => controller.abort();
}

async function follow(url, signal, listeners) {
  const response = await ask(url, signal);
  const decoder = new EventDecoder();
  let ended = false;
  for await (const text of texts(response.body)) {
    for (const { event, data } of decoder.push(text)) {
      if (signal.aborted) return;
      ended ||= event === "end";
      tell(listeners, event, JSON.parse(data));
    }
  }
  if (!ended) listeners.onEnd("lost");
}

async function ask(url, signal) {
  const response = await fetch(url, { signal, headers: { Accept: "text/event-stream" }, cache: "no-store" }).catch((error) => {
    if (signal.aborted) throw error;
    throw new ApiError(null, "NETWORK", "nsqadmin cannot be reached.");
  });
  if (response.ok) return response;
  throw await ApiError.of(response);
}

async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function tell(listeners, event, data) {
  if (event === "started") listeners.onStarted(data);
  else if (event === "message") listeners.onMessage(data);
  else if (event === "stats") listeners.onStats(data);
  else if (event === "failure") listeners.onNodeFailure(data);
  else if (event === "end") listeners.onEnd(data.reason);
}
