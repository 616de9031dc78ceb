// A consumer that speaks just enough of NSQ's TCP protocol to keep a channel busy, or to hold what it was sent.

import { once } from "node:events";
import { connect } from "node:net";

const FRAME_MESSAGE = 2;
const HEADER_BYTES = 4;
const ID_AT = 10; // behind the timestamp and the attempts
const ID_BYTES = 16;
const REQUEUE_MS = 60_000; // soon again would be a loop that keeps a core busy

export class Consumer {
  /** `answer` is "finish", "hold" (never answers) or "requeue" (for a minute later). */
  static async start(node, topic, channel, { answer = "finish", ready = 10, id = "worker-1", agent = "browser-tests/1.0" } = {}) {
    const consumer = new Consumer();
    const [host, port] = node.tcp.split(":");
    consumer.socket = connect({ host, port: Number(port) });
    consumer.socket.on("error", () => {}); // a node that dies takes its consumers with it
    await once(consumer.socket, "connect");
    consumer.answer = answer;
    consumer.socket.on("data", (bytes) => consumer.read(bytes));
    const identify = JSON.stringify({ client_id: id, hostname: `${id}.example.net`, user_agent: agent, msg_timeout: 60_000 });
    consumer.socket.write("  V2");
    consumer.command("IDENTIFY", identify);
    consumer.command(`SUB ${topic} ${channel}`);
    consumer.command(`RDY ${ready}`);
    return consumer;
  }

  rest = Buffer.alloc(0);
  bodies = [];

  command(line, body) {
    this.socket.write(`${line}\n`);
    if (body === undefined) return;
    const length = Buffer.alloc(HEADER_BYTES);
    length.writeUInt32BE(Buffer.byteLength(body));
    this.socket.write(length);
    this.socket.write(body);
  }

  read(bytes) {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.rest.readUInt32BE(0);
      if (this.rest.length < end) return;
      this.frame(this.rest.readUInt32BE(HEADER_BYTES), this.rest.subarray(2 * HEADER_BYTES, end));
      this.rest = this.rest.subarray(end);
    }
  }

  frame(kind, data) {
    if (kind !== FRAME_MESSAGE) {
      if (data.toString() === "_heartbeat_") this.command("NOP");
      return;
    }
    const id = data.subarray(ID_AT, ID_AT + ID_BYTES).toString();
    this.bodies.push(data.subarray(ID_AT + ID_BYTES).toString());
    if (this.answer === "finish") this.command(`FIN ${id}`);
    if (this.answer === "requeue") this.command(`REQ ${id} ${REQUEUE_MS}`);
  }

  stop() {
    this.socket.destroy();
  }
}
