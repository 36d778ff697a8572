"""Group members as processes, and what each of them said."""
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Member:
    """A running member; a thread reads its lines as they come."""

    def __init__(self, client, bootstrap, group, topic, assignor=None, log=None):
        self.client = client
        self.assigned = None
        self.events = []
        self.lines = []
        self.changed = threading.Condition()
        if not isinstance(client, str):
            command = client.command("member", bootstrap, group, topic)
        elif client == "kcat":
            command = [
                "kcat", "-b", bootstrap, "-G", group, "-E", "-u", "-f", r"event %p %o %s\n",
                "-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=2000",
                "-X", "heartbeat.interval.ms=300", "-X", "fetch.wait.max.ms=100",
                "-X", "auto.commit.interval.ms=200",
                "-X", f"partition.assignment.strategy={assignor or 'range'}", topic]
        else:
            command = [
                sys.executable, str(HERE / "member.py"), client, bootstrap, group, topic,
                *([assignor] if assignor else [])]
        # kcat tells of its partitions on stderr.
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.readers = [
            threading.Thread(target=self.read, args=(stream,), daemon=True)
            for stream in (self.process.stdout, self.process.stderr)]
        for reader in self.readers:
            reader.start()

    def read(self, stream):
        for line in stream:
            text = line.decode(errors="replace").rstrip("\n")
            with self.changed:
                self.note(text)
                self.changed.notify_all()

    def note(self, text):
        word, _, rest = text.partition(" ")
        if word == "event":
            partition, offset, value = rest.split(" ", 2)
            self.events.append((int(partition), int(offset), value))
            return
        self.lines.append(text)
        if word == "assigned":
            self.assigned = set(map(int, rest.split()))
        elif word == "revoked":
            self.assigned = (self.assigned or set()) - set(map(int, rest.split()))
        elif "rebalanced" in text and "assigned:" in text:
            self.assigned = set(map(int, re.findall(r"\[(\d+)\]", text.partition("assigned:")[2])))
        elif "rebalanced" in text and "revoked:" in text:
            revoked = set(map(int, re.findall(r"\[(\d+)\]", text.partition("revoked:")[2])))
            self.assigned = (self.assigned or set()) - revoked

    def leave(self, seconds=15):
        """Ends the member the polite way, so that it leaves its group."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(seconds)
        self.join()

    def kill(self):
        self.process.kill()
        self.process.wait(5)
        self.join()

    def join(self):
        for reader in self.readers:
            reader.join(5)

    def said(self):
        return f"{self.client} {self.assigned} {len(self.events)} events: {self.lines[-12:]}"


def wait_until(condition, seconds, members, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            said = "\n".join(member.said() for member in members)
            raise AssertionError(f"{what}: not within {seconds} s\n{said}")
        time.sleep(0.02)


def share(members, partitions):
    """Whether the members have all partitions among them, each one once and none without."""
    owned = [member.assigned for member in members]
    if not all(owned):
        return False
    return sorted(p for part in owned for p in part) == list(range(partitions))
