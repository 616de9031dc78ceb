"""What a scenario works with: an nsqd, client processes, and a place for what it finds out."""

import tempfile

from .auth_server import AuthServer
from .client import Client
from .nsqd import STOP_S, Nsqd
from .wait import wait_until

SETTLE_S = 10


class Stage:
    def __init__(self, report, scenario, client_name, client_command, program, setting, certificates):
        self.report = report
        self.scenario = scenario
        self.client_name = client_name
        self.client_command = client_command
        self.program = program
        self.setting = setting
        self.certificates = certificates
        self.auth_server = None
        self.data_path = tempfile.TemporaryDirectory(prefix="nsq-clients-")
        self.clients = []
        self.nsqd = None

    def __enter__(self):
        try:
            if self.setting.auth:
                self.auth_server = AuthServer()
            self.restart_nsqd()
        except BaseException:
            self.clean_up()
            raise
        return self

    def __exit__(self, kind, error, _traceback):
        failed = isinstance(error, Exception)
        if failed:
            self.check("runs to its end", False, f"{kind.__name__}: {error}")
            for process in [self.nsqd, *self.clients]:
                self.report.note(process.log_tail())
        self.clean_up()
        return failed

    def clean_up(self):
        for started in [*self.clients, self.nsqd, self.auth_server]:
            if started:
                started.kill()
        self.data_path.cleanup()

    def check(self, fact, holds, seen=""):
        self.report.check(self.client_name, self.scenario, fact, holds, seen)

    def client(self, **options):
        options = self.setting.client_options(self.certificates, **options)
        client = Client(self.client_command, self.nsqd.tcp, options)
        self.clients.append(client)
        return client

    def restart_nsqd(self):
        """A new process on the same data path, after the old one has ended."""
        flags = self.setting.nsqd_flags(self.certificates, self.auth_server)
        self.nsqd = Nsqd(self.program, self.data_path.name, flags)

    def channels(self, topic):
        stats = self.nsqd.stats(topic)
        return stats["channels"] if stats else {}

    def wait_subscribed(self, topic, **consumers_by_channel):
        """Until every channel has its consumers and each of them has asked for messages."""

        def subscribed():
            channels = self.channels(topic)
            return all(
                name in channels and sum(c["ready_count"] > 0 for c in channels[name]["clients"]) == count
                for name, count in consumers_by_channel.items()
            )

        wait_until(subscribed, SETTLE_S, f"subscriptions {consumers_by_channel}")

    def settled(self, topic):
        """The topic's stats once nothing waits in it, or as they are when that does not happen in time."""
        counts = ("depth", "in_flight_count", "deferred_count")

        def empty():
            stats = self.nsqd.stats(topic)
            waiting = stats["depth"] + sum(c[name] for c in stats["channels"].values() for name in counts)
            return None if waiting else stats

        try:
            return wait_until(empty, SETTLE_S, "nothing left to deliver")
        except TimeoutError:
            return self.nsqd.stats(topic)

    def check_nothing_left(self, topic):
        stats = self.settled(topic)
        seen = {name: [c["depth"], c["in_flight_count"], c["deferred_count"]] for name, c in stats["channels"].items()}
        empty = stats["depth"] == 0 and all(counts == [0, 0, 0] for counts in seen.values())
        self.check("/stats: depth, in flight and deferred are 0", empty, f"topic {stats['depth']}, channels {seen}")
        return stats

    def check_stops(self, how):
        code, seconds = self.nsqd.terminate()
        fact = f"SIGTERM ends it with exit 0 within {STOP_S} s, {how}"
        self.check(fact, code == 0, f"exit {code} after {seconds:.1f} s")
