// Two nsqlookupd, two nsqd and nsqadmin, each with files of its own that are gone afterwards.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Daemon, freePort } from "./daemon.js";
import { until } from "./wait.js";

const HERE = ["--http-address=127.0.0.1:0"];
const POLL = "--poll-interval=500ms";
const FROM_DISK = process.env.STATIC ? [`--dev-static-dir=${process.env.STATIC}`] : [];

export class Cluster {
  /** Starts everything. `admin` are further flags of nsqadmin, `nsqd` of both nsqd, `direct` leaves the registries out. */
  static async start({ admin = [], nsqd = [], direct = false } = {}) {
    const cluster = new Cluster();
    cluster.base = admin.find((flag) => flag.startsWith("--base-path="))?.replace(/^[^=]*=|\/$/g, "") ?? "";
    cluster.folder = mkdtempSync(join(tmpdir(), "nsq-browser-"));
    process.once("exit", () => rmSync(cluster.folder, { recursive: true, force: true }));
    try {
      cluster.registries = direct ? [] : await Promise.all([startRegistry(), startRegistry()]);
      const lookupds = cluster.registries.map((registry) => `--lookupd-tcp-address=${registry.tcp}`);
      cluster.nodes = await Promise.all([0, 1].map((number) => cluster.startNode(number, [...lookupds, ...nsqd])));
      await cluster.registered();
      cluster.admin = await cluster.startAdmin(admin);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  registries = [];
  nodes = [];
  admins = [];

  /** On ports that stay the same, so that a node which was killed can come back as itself. */
  async startNode(number, flags) {
    const [tcp, http] = [await freePort(), await freePort()];
    const folder = mkdtempSync(join(this.folder, `nsqd-${number}-`));
    const addresses = [`--tcp-address=127.0.0.1:${tcp}`, `--http-address=127.0.0.1:${http}`, "--broadcast-address=127.0.0.1"];
    const place = ["--topology-region=eu", `--topology-zone=eu-${"ab"[number]}`];
    const latency = ["--e2e-processing-latency-percentile=0.99,0.95,0.5"];
    return new Daemon("nsqd", [...addresses, `--data-path=${folder}`, ...place, ...latency, ...flags]).start();
  }

  /** One more nsqadmin for the same cluster. */
  async startAdmin(flags = []) {
    const upstream = this.registries.length
      ? this.registries.map((registry) => `--lookupd-http-address=${registry.http}`)
      : this.nodes.map((node) => `--nsqd-http-address=${node.http}`);
    const admin = await new Daemon("nsqadmin", [...(flags.some((flag) => flag.startsWith("--http-address")) ? [] : HERE), POLL, ...FROM_DISK, ...upstream, ...flags]).start();
    this.admins.push(admin);
    return admin;
  }

  /** Waits until each registry knows each node that runs. */
  registered() {
    const known = async (registry) => {
      const { producers } = await registry.ask("/nodes");
      return this.nodes.every((node) => producers.some((producer) => `127.0.0.1:${producer.tcp_port}` === node.tcp));
    };
    return until(async () => (await Promise.all(this.registries.map(known))).every(Boolean), "the registrations of all nodes");
  }

  /** The node's part of /stats about a topic, or null. */
  async topic(node, name) {
    const { topics } = await node.ask(`/stats?format=json&topic=${encodeURIComponent(name)}`);
    return topics?.find((topic) => topic.topic_name === name) ?? null;
  }

  /** Waits until nsqadmin's pages know the topic. */
  listed(name) {
    const known = async () => (await this.admin.ask(`${this.base}/api/v1/topics`)).topics.some(({ topic }) => topic === name);
    return until(known, `${name} in nsqadmin`);
  }

  /** Stops a daemon as a machine that hangs would: its sockets stay open and say nothing. */
  freeze(daemon) {
    daemon.child.kill("SIGSTOP");
  }

  thaw(daemon) {
    daemon.child.kill("SIGCONT");
  }

  freePort() {
    return freePort();
  }

  async stop() {
    await Promise.all([...this.admins, ...this.nodes, ...this.registries].map((daemon) => daemon.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function startRegistry() {
  return new Daemon("nsqlookupd", [...HERE, "--tcp-address=127.0.0.1:0", "--broadcast-address=127.0.0.1"]).start();
}
