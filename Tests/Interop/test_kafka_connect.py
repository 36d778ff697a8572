"""Kafka Connect in its distributed form: its internal topics, its own group protocol, and a source
that writes exactly once, while the broker is killed.

It needs a whole Kafka distribution in KAFKA_HOME, with connect-runtime and connect-file.
"""
import json
import subprocess
import time
import urllib.request

import pytest

from broker import free_port
from kafka_home import class_path, has, needs_client, needs_jdk

SECONDS = 90
LINES = 2_000
pytestmark = [
    needs_client, needs_jdk,
    pytest.mark.skipif(
        not (has("connect-runtime") and has("connect-file") and has("jetty-server")),
        reason="KAFKA_HOME has no Kafka Connect")]


class Worker:
    """One worker of a Connect cluster, with its REST interface on `port`."""

    def __init__(self, directory, bootstrap):
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        settings = {
            "bootstrap.servers": bootstrap, "group.id": "connect",
            "listeners": f"http://127.0.0.1:{self.port}",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.flush.interval.ms": 500, "exactly.once.source.support": "enabled",
            # Not five minutes before the tasks of a worker that stopped go to another.
            "scheduled.rebalance.max.delay.ms": 1000}
        for kind in ("config", "offset", "status"):
            settings[f"{kind}.storage.topic"] = f"connect-{kind}"
            settings[f"{kind}.storage.replication.factor"] = 3
        file = directory / f"worker-{self.port}.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self.log = directory / f"worker-{self.port}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["java", "-XX:TieredStopAtLevel=1", "-cp", class_path(),
                 "org.apache.kafka.connect.cli.ConnectDistributed", file],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ask(self, path, content=None):
        """What the REST interface answers; None while it cannot."""
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}", data=body,
            headers={"Content-Type": "application/json"}, method="PUT" if body else "GET")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                return json.load(response)
        except OSError:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            return None

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def wait_for(what, condition):
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.2)
    return found


def append(path, numbers):
    with open(path, "a") as file:
        file.writelines(f"line {number}\n" for number in numbers)


def test_every_line_is_copied_once(make_broker, work):
    broker = make_broker()
    source, target = work / "source.txt", work / "target.txt"
    append(source, range(LINES // 4))
    workers = [Worker(work / "connect", broker.bootstrap) for _ in range(2)]

    def lines():
        return target.read_text().splitlines() if target.exists() else []

    def running():
        status = workers[-1].ask("connectors?expand=status") or {}
        return len(status) == 2 and all(
            one["status"]["tasks"] and one["status"]["tasks"][0]["state"] == "RUNNING"
            for one in status.values())

    try:
        for worker in workers:
            wait_for("a worker", lambda: worker.ask(""))
        file = "org.apache.kafka.connect.file.FileStream"
        wait_for("the source", lambda: workers[0].ask("connectors/source/config", {
            "connector.class": f"{file}SourceConnector", "file": str(source), "topic": "lines"}))
        wait_for("the sink", lambda: workers[1].ask("connectors/sink/config", {
            "connector.class": f"{file}SinkConnector", "file": str(target), "topics": "lines"}))
        wait_for("the first lines", lambda: len(lines()) >= LINES // 4)

        # One worker goes, and the other takes what it did.
        workers.pop(0).stop()
        append(source, range(LINES // 4, LINES // 2))
        wait_for("lines through the other worker", lambda: len(lines()) >= LINES // 2)
        wait_for("both tasks", running)

        broker.kill()
        append(source, range(LINES // 2, LINES))
        broker.start()
        wait_for("the last lines", lambda: f"line {LINES - 1}" in lines())
        wait_for("both tasks", running)
        offsets = workers[0].ask("connectors/sink/offsets")["offsets"]
        assert offsets[0]["partition"] == {"kafka_topic": "lines", "kafka_partition": 0}
        assert sorted(set(lines()), key=lambda line: int(line.split()[1])) == [
            f"line {number}" for number in range(LINES)]
    finally:
        for worker in workers:
            worker.stop()
    # The file sink itself may write a line again, but the topic has each once.
    read = subprocess.run(
        ["kcat", "-b", broker.bootstrap, "-C", "-t", "lines", "-e", "-q",
         "-X", "isolation.level=read_committed"],
        capture_output=True, text=True, timeout=SECONDS)
    assert read.stdout.splitlines() == [f"line {number}" for number in range(LINES)]
