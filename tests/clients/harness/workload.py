"""Messages that can be told apart, published in every way a client has."""

import random
from collections import Counter

PUB, MPUB, DPUB = "PUB", "MPUB", "DPUB"
BATCH = 59
DELAYS_MS = (1, 50, 300, 1000)


def body(source, number):
    """Unique, binary, mostly small; one in 500 spans several reads of any buffer."""
    size = 70_000 if number % 500 == 499 else source.randrange(250)
    return b"%d:" % number + source.randbytes(size)


def publishes(count, deferred):
    """(kind, bodies, delay) in a fixed random order: about two fifths PUB, `deferred` DPUB, the rest MPUB."""
    source = random.Random(4150)
    bodies = [body(source, number) for number in range(count)]
    plan = [(DPUB, [bodies.pop()], source.choice(DELAYS_MS)) for _ in range(deferred)]
    plan += [(PUB, [bodies.pop()], None) for _ in range(count * 2 // 5)]
    plan += [(MPUB, bodies[at : at + BATCH], None) for at in range(0, len(bodies), BATCH)]
    source.shuffle(plan)
    return plan


class Delivery:
    """What consumers got, against what was published."""

    def __init__(self, expected, messages):
        got = Counter(message.body for message in messages)
        self.missing = sum(body not in got for body in expected)
        self.unknown = sum(body not in expected for body in got)
        self.duplicates = sum(times - 1 for times in got.values())

    def complete(self):
        return self.missing == 0 and self.unknown == 0

    def exact(self):
        return self.complete() and self.duplicates == 0

    def __str__(self):
        return f"{self.missing} missing, {self.unknown} unknown, {self.duplicates} duplicates"
