"""Waiting with an end."""

import time


def wait_until(condition, seconds, what):
    """Polls until `condition` gives something true and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.02)
