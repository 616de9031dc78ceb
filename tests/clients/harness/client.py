"""One process with an official client in it, told what to do and heard line by line."""

import base64
import json
import subprocess
import threading
import time
from dataclasses import dataclass

from .process import Process
from .wait import wait_until

EXIT_S = 5


@dataclass(frozen=True)
class Received:
    """A delivered message: `at` on the clock of the client's process, `seen` on ours, which is later."""

    consumer: str
    body: bytes
    attempts: int
    at: float
    seen: float


class Client(Process):
    def __init__(self, command, address, options):
        super().__init__([*command, address, json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.name = None
        self.answers = {}
        self.closed = set()
        self.messages = []
        self.publishes = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            event = json.loads(line)
            if "body" in event:
                event["body"] = base64.b64decode(event["body"])
                self.messages.append(Received(**event, seen=time.monotonic()))
            elif "id" in event:
                self.answers[event["id"]] = event["error"]
            elif "closed" in event:
                self.closed.add(event["closed"])
            else:
                self.name = event["client"]

    def tell(self, **command):
        self.child.stdin.write(json.dumps(command).encode() + b"\n")
        self.child.stdin.flush()

    def publish(self, topic, bodies, kind="MPUB", delay_ms=None):
        """Starts a publish and returns its number in `answers`."""
        self.publishes += 1
        encoded = [base64.b64encode(body).decode() for body in bodies]
        self.tell(do="publish", id=self.publishes, kind=kind, topic=topic, bodies=encoded, delay_ms=delay_ms)
        return self.publishes

    def answered(self, seconds):
        """Waits for the answers to all publishes and returns the errors among them."""
        wait_until(lambda: len(self.answers) == self.publishes, seconds, "the answers to all publishes")
        return [error for error in self.answers.values() if error]

    def consume(self, name, topic, channel, first="finish", max_in_flight=100, **options):
        """Starts a consumer that does `first` with a first attempt and finishes any later one."""
        settings = {"delay_s": 0, "msg_timeout_s": 60, "heartbeat_s": 30, **options}
        self.tell(
            do="consume",
            name=name,
            topic=topic,
            channel=channel,
            first=first,
            max_in_flight=max_in_flight,
            **settings,
        )

    def close(self, name, seconds=EXIT_S):
        self.tell(do="close", name=name)
        wait_until(lambda: name in self.closed, seconds, f"consumer {name} to close")

    def received(self, *consumers):
        return [message for message in list(self.messages) if message.consumer in consumers]

    def end(self):
        """Closes stdin, upon which the process ends by itself."""
        self.child.stdin.close()
        try:
            self.child.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
