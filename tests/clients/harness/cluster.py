"""Two nsqlookupd, three nsqd, and every client as a consumer that knows the registries only."""

import itertools
import socket
import tempfile
import threading
import time
import urllib.error
from contextlib import ExitStack
from http.client import HTTPException

from .client import Client
from .nsqd import Daemon, Nsqd
from .setting import Setting
from .wait import wait_until

TOPIC = "orders"
POLL_S = 5  # how often consumers ask the registries
OTHER_NSQD_S = 35  # upstream's nsqd notices with its next PING and comes back with the one after that
FIND_S = 60
DELIVER_S = 60
TRAFFIC_S = 3
PAUSE_S = 0.005


class Publisher(threading.Thread):
    """Publishes to one node until told to stop, each message again and again until it is acknowledged."""

    def __init__(self, number, node):
        super().__init__(daemon=True)
        self.number = number
        self.node = node
        self.acknowledged = set()
        self.stopping = threading.Event()
        self.start()

    def run(self):
        for count in itertools.count():
            body = b"node %d message %d" % (self.number, count)
            while not self.stopping.is_set():
                if self.publish(body):
                    self.acknowledged.add(body)
                    break
                time.sleep(10 * PAUSE_S)
            if self.stopping.wait(PAUSE_S):
                return

    def publish(self, body):
        try:
            self.node().post(f"/pub?topic={TOPIC}", body)
            return True
        except (OSError, urllib.error.URLError, HTTPException):
            return False  # it may have been stored all the same, and come twice


class Cluster:
    def __init__(self, report, programs, stack):
        self.report = report
        self.programs = programs
        self.stack = stack
        self.started = []
        self.ports = [(free_port(), free_port()) for _ in range(2)]
        self.registries = [self.start_registry(number) for number in range(2)]
        self.paths = [stack.enter_context(tempfile.TemporaryDirectory(prefix="nsq-clients-")) for _ in range(3)]
        self.nodes = [self.start_node(number) for number in range(3)]

    def keep(self, process):
        self.started.append(process)
        self.stack.callback(process.kill)
        return process

    def start_registry(self, number):
        """On the same ports each time: nodes and consumers know no others."""
        tcp, http = self.ports[number]
        flags = [f"--tcp-address=127.0.0.1:{tcp}", f"--http-address=127.0.0.1:{http}"]
        return self.keep(Daemon(self.programs.nsqlookupd[number], flags))

    def start_node(self, number):
        """On new ports each time, which only the registries can tell the consumers."""
        flags = [f"--lookupd-tcp-address=127.0.0.1:{tcp}" for tcp, _ in self.ports]
        return self.keep(Nsqd(self.programs.nsqd[number], self.paths[number], flags))

    def check(self, fact, holds, seen=""):
        self.report.check("all", "cluster", fact, holds, seen)

    def registered(self, registry):
        """Nodes and channels that a registry names for the topic."""
        try:
            found = registry.ask(f"/lookup?topic={TOPIC}")
        except (OSError, urllib.error.URLError):
            return None  # 404 before the first registration
        addresses = {f"{it['broadcast_address']}:{it['tcp_port']}" for it in found["producers"]}
        return addresses, set(found["channels"])

    def is_right(self, registry, channels):
        return self.registered(registry) == ({node.tcp for node in self.nodes}, channels)

    def wait_registered(self, channels, registries):
        """The seconds until these registries name exactly the nodes that run."""
        began = time.monotonic()
        right = lambda: all(self.is_right(registry, channels) for registry in registries)
        wait_until(right, FIND_S, f"the registrations of {len(self.nodes)} nodes with {sorted(channels)}")
        return time.monotonic() - began

    def wait_consumed(self, number, channels):
        """The seconds until a node has a consumer on every channel."""
        began = time.monotonic()

        def consumed():
            topic = self.nodes[number].stats(TOPIC)
            seen = topic["channels"] if topic else {}
            return all(name in seen and seen[name]["clients"] for name in channels)

        wait_until(consumed, FIND_S, f"consumers of {sorted(channels)} on node {number}")
        return time.monotonic() - began


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def play(report, commands, programs):
    """One cluster for all clients: each has a channel of its own."""
    with ExitStack() as stack:
        cluster = Cluster(report, programs, stack)
        try:
            run(cluster, commands)
        except (TimeoutError, RuntimeError, OSError) as error:
            cluster.check("runs to its end", False, error)
            for process in cluster.started:
                report.note(process.log_tail())


def run(cluster, commands):
    bound = POLL_S if cluster.programs.are_ours else OTHER_NSQD_S
    lookupd = [registry.http for registry in cluster.registries]
    for node in cluster.nodes:
        node.post(f"/topic/create?topic={TOPIC}")
    consumers = {}
    for name, command in commands.items():
        consumers[name] = cluster.keep(Client(command, cluster.nodes[0].tcp, Setting().client_options(None)))
        consumers[name].consume(name, TOPIC, name, lookupd=lookupd, poll_s=POLL_S)
    channels = set(commands)
    for number in range(3):
        cluster.wait_consumed(number, channels)
    cluster.check("every consumer finds the three nodes through the registries", True)
    cluster.wait_registered(channels, cluster.registries)
    cluster.check("both registries name all of them", True)
    publishers = [Publisher(number, lambda number=number: cluster.nodes[number]) for number in range(3)]
    lose_a_registry(cluster, channels, bound)
    lose_a_node(cluster, channels, bound)
    finish(cluster, consumers, publishers)
    cluster.wait_registered(channels, cluster.registries)
    cluster.check("at the end both registries name what there is, and nothing else", True)


def lose_a_registry(cluster, channels, bound):
    cluster.registries[0].kill()
    time.sleep(TRAFFIC_S)
    cluster.check("with one registry gone the other names all nodes", cluster.is_right(cluster.registries[1], channels))
    cluster.registries[0] = cluster.start_registry(0)
    took = cluster.wait_registered(channels, [cluster.registries[0]])
    cluster.check(f"the registry that came back knows everything after {took:.1f} s of {bound} s", took <= bound)


def lose_a_node(cluster, channels, bound):
    lost = cluster.nodes[1]
    lost.kill()
    left = lambda found: found is not None and lost.tcp not in found[0]
    gone = lambda: all(left(cluster.registered(registry)) for registry in cluster.registries)
    wait_until(gone, FIND_S, "the registries to forget the node that was killed")
    cluster.check("both registries forget a node that was killed", True)
    time.sleep(TRAFFIC_S)
    cluster.nodes[1] = cluster.start_node(1)
    took = cluster.wait_registered(channels, cluster.registries)
    cluster.check(f"both registries name the node that came back after {took:.1f} s of {bound} s", took <= bound)
    took = cluster.wait_consumed(1, channels)
    cluster.check(f"every consumer finds it, on its new ports, {took:.1f} s later", True)
    time.sleep(TRAFFIC_S)


def finish(cluster, consumers, publishers):
    for publisher in publishers:
        publisher.stopping.set()
    for publisher in publishers:
        publisher.join()
    sent = set().union(*(publisher.acknowledged for publisher in publishers))
    for name, client in consumers.items():
        missing = lambda: sent - {message.body for message in client.received(name)}
        try:
            wait_until(lambda: not missing(), DELIVER_S, "all messages")
        except TimeoutError:
            pass  # the check says how many are missing
        lost = len(missing())
        cluster.check(f"{client.name} gets every acknowledged message: {len(sent)} of 3 nodes", not lost, f"{lost} missing")
