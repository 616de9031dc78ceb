"""A child process whose end is always awaited and never left behind."""

import subprocess
import tempfile

TAIL_BYTES = 2000


class Process:
    """Keeps stderr in a file, so that a failed check can show its end."""

    def __init__(self, command, **options):
        self.stderr = tempfile.NamedTemporaryFile(prefix="nsq-clients-", suffix=".log")
        self.child = subprocess.Popen(command, stderr=self.stderr, **options)

    def log(self):
        with open(self.stderr.name, "rb") as file:
            return file.read().decode(errors="replace")

    def log_tail(self):
        return self.log()[-TAIL_BYTES:]

    def running(self):
        return self.child.poll() is None

    def kill(self):
        """Ends the process at once; harmless when it has ended."""
        if self.running():
            self.child.kill()
        self.child.wait()
