"""A real `varve broker` process: started, killed and started again on the same port."""
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("VARVE_BIN", ROOT / ".build/release/varve"))

START_SECONDS = 30
STOP_SECONDS = 15

# Groups form without Kafka's three seconds of waiting for more members, and members that die
# are missed after two seconds and not six, so that the tests take seconds.
SETTINGS = {
    "group.initial.rebalance.delay.ms": "100",
    "group.min.session.timeout.ms": "1000",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    def __init__(self, directory, settings=None, extra=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.settings = {**SETTINGS, **(settings or {})}
        self.extra = list(extra)
        self.port, self.http_port = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.log_path = self.directory / "broker.log"
        self.process = None

    def start(self):
        arguments = [
            str(BINARY), "broker", "--data", str(self.directory / "data"),
            "--listen", self.bootstrap, "--http", f"127.0.0.1:{self.http_port}", *self.extra]
        for name, value in self.settings.items():
            arguments += ["--set", f"{name}={value}"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_until_ready()
        return self

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the broker ended with {self.process.returncode}:\n{self.tail()}")
            try:
                if self.http("/health")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the broker is not ready after {START_SECONDS} s:\n{self.tail()}")

    def http(self, path):
        """Status and text of a GET on the broker's HTTP port."""
        url = f"http://127.0.0.1:{self.http_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def kill(self):
        """SIGKILL, as a crash."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self):
        """SIGTERM; the broker must end by itself, with status 0."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the broker did not stop in {STOP_SECONDS} s:\n{self.tail()}")
        if status != 0:
            raise RuntimeError(f"the broker stopped with status {status}:\n{self.tail()}")

    def restart(self):
        self.stop()
        return self.start()

    def assert_alive(self):
        assert self.process.poll() is None, f"the broker ended:\n{self.tail()}"

    def resident_bytes(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def tail(self, count=40):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-count:])

    def delete(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def kill_at_random_moments(broker, kills, seconds, chance):
    """Kills and starts a broker so many times, each after a time between the two of `seconds`."""
    for _ in range(kills):
        time.sleep(chance.uniform(*seconds))
        broker.kill()
        broker.start()
