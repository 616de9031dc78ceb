/** What each action is called: pure, so that node can test it. */
import { counted } from "./format.js";

/**
 * @typedef {object} Target
 * @property {string} topic
 * @property {string} [channel]
 * @property {string} [node]
 */

/**
 * @typedef {"create_topic" | "create_channel" | "pause_topic" | "unpause_topic" | "empty_topic" | "delete_topic" | "pause_channel"
 *   | "unpause_channel" | "empty_channel" | "delete_channel" | "tombstone_topic_producer"} Action
 */

const WORDS = {
  create: { verb: "Create", done: "Created", destroys: false },
  pause: { verb: "Pause", done: "Paused", destroys: false },
  unpause: { verb: "Unpause", done: "Unpaused", destroys: false },
  empty: { verb: "Empty", done: "Emptied", destroys: true },
  delete: { verb: "Delete", done: "Deleted", destroys: true },
  tombstone: { verb: "Remove", done: "Removed", destroys: true },
};

/** What it means, in a sentence or two, beyond the numbers. */
const MEANINGS = {
  pause_topic: "Messages stay in the topic's own queue; no channel gets new ones until it is unpaused. Publishing works as before.",
  unpause_topic: "The messages that have waited in the topic go to its channels.",
  empty_topic: "The messages in the topic's own queue are thrown away for good. Those in its channels stay.",
  delete_topic: "The topic, its channels and all their messages are removed from every node. Publishing to it creates it again.",
  pause_channel: "Clients stay connected but get no messages; what comes in is queued.",
  unpause_channel: "Clients get messages again.",
  empty_channel: "All messages of the channel are thrown away for good, also those in flight and deferred. Other channels are not touched.",
  delete_channel:
    "The channel and its messages are removed from every node and its clients are disconnected. Clients that come back make it again, empty.",
  tombstone_topic_producer:
    "The registries hide this node as a producer of the topic for a while, and the topic with its messages is deleted on it. Use it for a node where the topic is not published any more.",
};

/**
 * @param {Action} action
 * @param {Target} target
 * @returns {{title: string, meaning: string, button: string, done: string, destroys: boolean, name: string}}
 */
export function wordsOf(action, target) {
  const { verb, done, destroys } = WORDS[action.split("_")[0]];
  const name = target.channel ? `${target.topic}/${target.channel}` : target.topic;
  const kind = target.channel ? "channel" : "topic";
  const title = action === "tombstone_topic_producer" ? `Remove ${target.topic} from ${target.node}?` : `${verb} ${kind} ${name}?`;
  return { title, meaning: MEANINGS[action] ?? "", button: `${verb} ${kind}`, done: `${done} ${name}`, destroys, name };
}

/**
 * What came of it, in a sentence.
 * @param {{ok: boolean, results: {ok: boolean}[]}} result
 * @param {string} done
 */
export function summarizeResult(result, done) {
  const failed = result.results.filter((each) => !each.ok).length;
  const all = result.results.length;
  if (failed === 0 && result.ok) return all ? `${done}: ${counted(all, "address", "addresses")} answered.` : `${done}.`;
  if (failed === 0) return "It was not done everywhere: some addresses could not be determined.";
  return failed === all
    ? "It was done nowhere."
    : `It was not done everywhere: ${failed} of ${counted(all, "address", "addresses")} failed.`;
}

/**
 * What a request that failed as a whole means: one that was refused has done nothing, of any other nobody knows.
 * @param {{status: number | null, message: string}} error
 */
export function describeFailure({ status, message }) {
  const refused = status !== null && status >= 400 && status < 500;
  return `${refused ? "Nothing was done" : "It may have been done or not"}: ${message}`;
}

/**
 * Which addresses are asked when an action that was not done everywhere is tried again: `null` means that all are looked up anew,
 * which must be where some could not be determined, `[]` that there is nothing to try.
 * @param {{ok: boolean, address: string}[]} results
 * @param {object[]} failures lookups that failed
 * @returns {string[] | null}
 */
export function addressesToRetry(results, failures) {
  return failures.length ? null : results.filter((each) => !each.ok).map((each) => each.address);
}
