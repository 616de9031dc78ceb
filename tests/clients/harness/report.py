"""One line per check, and the count at the end."""

import time


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.since = time.monotonic()

    def check(self, client, scenario, fact, holds, seen=""):
        """Says whether `fact` holds, and if not what was seen instead."""
        now = time.monotonic()
        took, self.since = now - self.since, now
        self.passed += bool(holds)
        self.failed += not holds
        word = "ok  " if holds else "FAIL"
        detail = "" if holds else f": {seen}"
        print(f"{word} {client:<12} {scenario:<12} {fact}{detail} ({took:.1f} s)", flush=True)

    def skip(self, client, scenario, reason):
        print(f"skip {client:<12} {scenario:<12} {reason}", flush=True)

    def note(self, text):
        for line in text.rstrip().splitlines():
            print(f"     | {line}", flush=True)

    def finish(self):
        """Prints the last line and returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.passed and not self.failed else 1
