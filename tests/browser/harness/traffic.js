// What keeps a cluster busy: orders with a consumer that keeps up and one that does not, logs that nobody reads.

import { Consumer } from "./consumer.js";
import { until } from "./wait.js";

const EVERY_MS = 200;
const BATCH = 4;

export class Traffic {
  /** Publishes to `orders` and `clicks` until stopped; comes back when all channels are there and have had messages. */
  static async start(cluster) {
    const traffic = new Traffic();
    for (const node of cluster.nodes) {
      for (const [topic, channel] of CHANNELS) {
        await node.post(`/topic/create?topic=${topic}`);
        if (channel) await node.post(`/channel/create?topic=${topic}&channel=${channel}`);
      }
      traffic.consumers.push(
        await Consumer.start(node, "orders", "billing", { id: "billing-1", ready: 50 }),
        await Consumer.start(node, "orders", "audit", { id: "audit-1", ready: 2, answer: "hold" }),
        await Consumer.start(node, "clicks", "metrics", { id: "metrics-1", answer: "requeue" }),
      );
    }
    await cluster.nodes[0].post("/channel/pause?topic=clicks&channel=archive");
    traffic.timer = setInterval(() => cluster.nodes.forEach((node) => traffic.publish(node)), EVERY_MS);
    await until(() => traffic.consumers.every((consumer) => consumer.bodies.length), "messages at every consumer");
    return traffic;
  }

  consumers = [];
  published = 0;

  publish(node) {
    const bodies = Array.from({ length: BATCH }, () => JSON.stringify({ order: ++this.published, item: "tea", cents: 350 }));
    for (const topic of ["orders", "clicks", "logs"]) {
      node.post(`/mpub?topic=${topic}`, bodies.join("\n")).catch(() => {}); // a node may be down on purpose
    }
  }

  stop() {
    clearInterval(this.timer);
    this.consumers.forEach((consumer) => consumer.stop());
  }
}

const CHANNELS = [
  ["orders", "billing"],
  ["orders", "audit"],
  ["clicks", "metrics"],
  ["clicks", "archive"],
  ["logs", null],
];
