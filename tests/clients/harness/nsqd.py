"""Daemons of their own for each check: free ports, an nsqd with its own data path, their answers over HTTP."""

import json
import re
import signal
import subprocess
import time
import urllib.request

from .process import Process
from .wait import wait_until

START_S = 10
STOP_S = 5


class Daemon(Process):
    """nsqd or nsqlookupd, on free ports unless the flags say otherwise."""

    def __init__(self, program, flags):
        here = ["--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--broadcast-address=127.0.0.1"]
        super().__init__([*program, *here, *flags], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            self.tcp = self.listening("TCP")
            self.http = self.listening("HTTP")
        except BaseException:
            self.kill()
            raise

    def listening(self, what):
        """The address in the log line that upstream's tests look for too."""

        def found():
            if not self.running():
                raise RuntimeError(f"it ended at start:\n{self.log_tail()}")
            return re.search(rf" {what}: listening on (127\.0\.0\.1:\d+)", self.log())

        return wait_until(found, START_S, f"the {what} address in its log")[1]

    def ask(self, path):
        """The answer to a GET, read as JSON."""
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=5) as answer:
            return json.load(answer)

    def post(self, path, body=b""):
        """A POST; an OSError if it is not answered with success."""
        urllib.request.urlopen(f"http://{self.http}{path}", body, timeout=5).close()


class Nsqd(Daemon):
    def __init__(self, program, data_path, flags):
        super().__init__(program, [*flags, f"--data-path={data_path}"])

    def stats(self, topic):
        """The topic's part of /stats, with its channels by name; None when there is no such topic."""
        topics = self.ask(f"/stats?format=json&topic={topic}")["topics"] or []  # nsqd says null for an empty list
        for found in topics:
            if found["topic_name"] == topic:
                found["channels"] = {channel["channel_name"]: channel for channel in found["channels"] or []}
                for channel in found["channels"].values():
                    channel["clients"] = channel["clients"] or []
                return found
        return None

    def producers(self):
        return self.ask("/stats?format=json")["producers"] or []

    def terminate(self):
        """Sends SIGTERM; the exit code and the seconds it took, or None for the code if it did not end in time."""
        began = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            code = None
            self.kill()
        return code, time.monotonic() - began
