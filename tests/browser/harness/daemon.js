// A program under test as a child process that never outlives the tests.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { until } from "./wait.js";

const LOG_BYTES_MAX = 1 << 20;
const running = new Set();

process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** nsqd, nsqlookupd or nsqadmin: started by `start`, on the addresses that its log tells. */
export class Daemon {
  constructor(program, flags) {
    this.program = program;
    this.flags = flags;
    this.log = "";
  }

  /** Starts it and waits until it listens; `http` and (not for nsqadmin) `tcp` are then its addresses. */
  async start() {
    this.child = spawn(process.env.NSQ, [this.program, ...this.flags], { stdio: ["ignore", "ignore", "pipe"] });
    running.add(this.child);
    this.ended = new Promise((done) => this.child.once("exit", done));
    this.ended.then(() => running.delete(this.child));
    this.log = "";
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.log = (this.log + text).slice(-LOG_BYTES_MAX)));
    this.http = await this.listening("HTTP");
    if (this.program !== "nsqadmin") this.tcp = await this.listening("TCP");
    return this;
  }

  /** The address in the log line of a listener. */
  async listening(what) {
    const line = new RegExp(` ${what}: listening on (127\\.0\\.0\\.1:\\d+)`);
    const found = await until(() => {
      if (this.child.exitCode !== null) return { ended: true };
      return line.exec(this.log);
    }, `the ${what} address of ${this.program}`);
    if (found.ended) throw new Error(`${this.program} ended at its start:\n${this.log}`);
    return found[1];
  }

  /** Ends it at once, as a crash of the machine would. */
  async kill() {
    this.child?.kill("SIGKILL");
    await this.ended;
  }

  /** Asks it to end and waits for that. */
  async stop() {
    this.child?.kill("SIGTERM");
    await this.ended;
  }

  /** A request that must succeed; the answer as JSON, or as text where it is none. */
  async ask(path, options = {}) {
    const answer = await fetch(`http://${this.http}${path}`, { signal: AbortSignal.timeout(5000), ...options });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${options.method ?? "GET"} ${path}: ${answer.status} ${text}`);
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  post(path, body = "") {
    return this.ask(path, { method: "POST", body });
  }
}

/** A port that nobody listens on, for a daemon that has to come back on it. */
export function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}
