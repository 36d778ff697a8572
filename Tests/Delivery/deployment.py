"""A broker and delivery workers as processes, from one varve.json."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("VARVE_BIN", ROOT / ".build/release/varve"))

START_SECONDS = 30
STOP_SECONDS = 20

# A killed worker is missed after a second, and what it had goes to its next life at once: the
# tests are about what is lost, not about how long sessions are.
SETTINGS = {
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "offsets.topic.num.partitions": 4,
}
WORKER = {
    "commitMilliseconds": 100,
    "sessionTimeoutMilliseconds": 1000,
    "batch": {"events": 200, "ageMilliseconds": 50},
    "retry": {"firstMilliseconds": 50, "maxMilliseconds": 500, "pausedMilliseconds": 500},
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what, pause=0.05):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(pause)


class Deployment:
    def __init__(self, directory, workers, topics=None, settings=None, **rest):
        self.directory = Path(directory)
        self.port, self.http_port = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.names = [worker["name"] for worker in workers]
        self.processes = {}
        self.config = self.directory / "varve.json"
        self.config.write_text(json.dumps({
            "dataDirectory": str(self.directory / "data"),
            "listen": self.bootstrap,
            "http": f"127.0.0.1:{self.http_port}",
            "settings": {**SETTINGS, **(settings or {})},
            "topics": topics or [],
            "workers": [{**WORKER, **worker} for worker in workers],
            **rest,
        }, indent=1))

    # Life

    def start(self):
        self.start_broker()
        for name in self.names:
            self.start_worker(name)
        return self

    def start_up(self):
        """`varve up`: the broker and the workers as children of one supervisor."""
        self.run("up", ["up", "--config", str(self.config)])
        wait_until(lambda: self.is_ready("up"), START_SECONDS, "varve up is ready")
        return self

    def child(self, *words):
        """The process id of the supervisor's child whose arguments begin with `words`; None
        while there is none."""
        up = self.processes["up"].pid
        for path in Path("/proc").glob("[0-9]*"):
            try:
                parent = int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                arguments = path.joinpath("cmdline").read_text().split("\0")
            except OSError:
                continue  # It ended meanwhile.
            if parent == up and tuple(arguments[1:1 + len(words)]) == words:
                return int(path.name)
        return None

    def start_broker(self):
        self.run("broker", ["broker", "--config", str(self.config)])
        wait_until(self.is_ready, START_SECONDS, "the broker is ready", pause=0.02)

    def start_worker(self, name):
        self.run(name, ["worker", name, "--config", str(self.config)])

    def run(self, name, arguments):
        with open(self.directory / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(BINARY), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory)

    def is_ready(self, name="broker"):
        ended = self.processes[name].poll()
        assert ended is None, f"{name} ended with {ended}: {self.tail(name)}"
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.http_port}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self, name):
        """SIGKILL, as a crash or the kernel's out-of-memory killer."""
        process = self.processes[name]
        assert process.poll() is None, f"{name} had ended by itself: {self.tail(name)}"
        process.kill()
        process.wait(STOP_SECONDS)

    def stop(self, name):
        """SIGTERM; it must end by itself, with status 0. Returns the seconds it took."""
        process, begun = self.processes[name], time.monotonic()
        assert process.poll() is None, f"{name} had ended by itself: {self.tail(name)}"
        process.send_signal(signal.SIGTERM)
        status = process.wait(STOP_SECONDS)
        assert status == 0, f"{name} ended with {status}: {self.tail(name)}"
        return time.monotonic() - begun

    def end(self):
        """At the end of a test, whatever state it left: nothing may go on running."""
        if "up" in self.processes and self.processes["up"].poll() is None:
            self.stop("up")  # Its children go with it.
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.kill()
                process.wait(STOP_SECONDS)

    # Looking

    def tail(self, name, count=30):
        path = self.directory / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join(lines[-count:])

    def tails(self):
        return [(name, self.tail(name)) for name in self.processes]

    def status(self):
        with urllib.request.urlopen(
                f"http://127.0.0.1:{self.http_port}/status", timeout=5) as answer:
            return json.load(answer)

    def lag(self, worker):
        """Events the worker has not committed yet; None before its first commit."""
        groups = {group["group"]: group for group in self.status()["groups"]}
        group = groups.get(f"varve-{worker}")
        if not group or not group["offsets"]:
            return None
        return sum(offset["lag"] for offset in group["offsets"])
