"""What `benches/compare` and `benches/grow` have in common: servers of their own, runs of `nsq bench`, figures in words,
and the page that they are written to."""

import argparse
import datetime
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"
START_S, STOP_S, RUN_S = 120, 120, 900
FLAGS = ["--mem-queue-size=1000000"]


class Failed(Exception):
    """A run without a result."""


class Place:
    """Which nsq measures, and where data paths are made and figures are left."""

    def __init__(self, nsq, directory):
        """Everything started from here on is stopped on the way out, also after SIGTERM."""
        self.nsq, self.directory = nsq.resolve(), directory
        if not os.access(self.nsq, os.X_OK):
            sys.exit(f"{self.nsq} cannot be run; it is built with cargo build --release")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
        directory.mkdir(parents=True, exist_ok=True)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def leave(self, figures):
        """Every single figure, for whoever wants to look closer; the file."""
        stamp = datetime.datetime.now().strftime("%Y-%m-%dT%H%M%S")
        file = self.directory / f"{stamp}.json"
        file.write_text(json.dumps(figures, indent=1))
        return file


class Log:
    """What a server says, read to its end, for a full pipe would stop it; and where it listens."""

    def __init__(self, stream):
        self.lines, self.addresses, self.has_ended = [], {}, False
        self.changed = threading.Condition()
        threading.Thread(target=self.read, args=(stream,), daemon=True).start()

    def read(self, stream):
        for line in stream:
            line = line.decode(errors="replace")
            kind, listening, address = line.rpartition(": listening on ")
            with self.changed:
                if len(self.lines) < 1000:
                    self.lines.append(line)
                if listening:
                    self.addresses.setdefault(kind.split()[-1], address.strip())
                    self.changed.notify_all()
        with self.changed:
            self.has_ended = True
            self.changed.notify_all()

    def wait_for(self, wanted):
        """True once it listens for all of them; false if it has ended, or takes too long."""
        with self.changed:
            self.changed.wait_for(lambda: wanted <= set(self.addresses) or self.has_ended, START_S)
            return wanted <= set(self.addresses)


class Server:
    """A server process; gone, with its data, at the end of the block."""

    def __init__(self, command, place):
        self.command, self.place = command, place
        self.log, self.process = None, None

    def __enter__(self):
        self.data = Path(tempfile.mkdtemp(prefix="data-", dir=self.place.directory))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def start(self):
        """Starts it and waits until it says where it listens; the seconds that took."""
        began = time.monotonic()
        command = [part.replace("DATA", str(self.data)) for part in self.command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.log = Log(self.process.stderr)
        wanted = {"TCP"} if "bare" in self.command else {"TCP", "HTTP"}
        if not self.log.wait_for(wanted):
            why = "has ended" if self.log.has_ended else f"does not listen after {START_S} s"
            said = "".join(f"    {line}" for line in self.log.lines[-20:])
            last = self.log.lines[-1].strip() if self.log.lines else "nothing"
            raise Failed(f"{' '.join(command)}\n{said}the server {why}; its last words: {last}")
        return time.monotonic() - began

    def stop(self):
        """Asks it to end; the seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began

    def topics(self):
        """Every topic of its statistics."""
        url = f"http://{self.log.addresses['HTTP']}/stats?format=json&include_clients=false&include_mem=false"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)["topics"]

    def post(self, path):
        with urllib.request.urlopen(f"http://{self.log.addresses['HTTP']}{path}", data=b"", timeout=60) as answer:
            answer.read()

    def resident_bytes(self):
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Rss:"))

    def bench(self, arguments):
        """The figures of one run of `nsq bench`."""
        nsq = str(self.place.nsq)
        command = [nsq, "bench", *arguments, f"--nsqd-tcp-address={self.log.addresses['TCP']}", f"--pid={self.process.pid}", "--json=-"]
        if "HTTP" in self.log.addresses:
            command.append(f"--nsqd-http-address={self.log.addresses['HTTP']}")
        command.append(f"--timeout={RUN_S}s")
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            raise Failed(f"{' '.join(command)}\n{ran.stderr.strip()}")
        return json.loads(ran.stdout)


def nsqd(program):
    """How an nsqd is called; our programs stand behind one name."""
    return [str(program), "nsqd"] if program.name == "nsq" else [str(program)]


def command_of(program, flags=FLAGS):
    """How an nsqd is started to be measured."""
    return [*nsqd(program), "--data-path=DATA", "--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0", *flags]


def version_of(program):
    """As it says itself."""
    return subprocess.run([*nsqd(program), "--version"], capture_output=True, text=True).stdout.strip() or "without a version"


def machine():
    """The processors, the kernel, and what else is running just now."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), "unknown processor")
    load = " ".join(f"{load:.2f}" for load in os.getloadavg())
    return f"{os.cpu_count()} × {processor}, Linux {os.uname().release}, load average {load} before the first run"


def number(value):
    """Three digits that matter, or all of those before the point."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def spread(values):
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


def is_busy(runs):
    """The load generator had no time left, so that the server could have done more."""
    return statistics.median(run["generator"]["cpu_share"] for run in runs) > 0.9


def write(name, text):
    """Puts the text between the marks of that name on the page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, found, rest = DOCUMENT.read_text().partition(begin)
    _, ends, tail = rest.partition(end)
    if not (found and ends):
        sys.exit(f"no {begin} and {end} in {DOCUMENT}")
    DOCUMENT.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


def parser(document, name):
    """The flags that both have."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=Path, default=ROOT / "target" / "release" / "nsq", help="our nsq (default: the release build)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the messages of a run; below 1 for a quick look")
    parser.add_argument("--dir", type=Path, default=ROOT / "target" / name, help="where data paths are made and figures are left")
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md as it is")
    return parser
