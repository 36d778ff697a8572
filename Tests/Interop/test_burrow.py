"""Burrow watches groups by reading __consumer_offsets itself, and tells how they fare.

Debian's package would start a service, so Tools/test unpacks it into .build/burrow.
"""
import json
import shutil
import subprocess
import time
import urllib.request

import pytest
from confluent_kafka import Consumer, TopicPartition

from broker import ROOT, free_port
from clients import ConfluentKafka, create_topic
from events import Event
from zookeeper import ZooKeeper

BURROW = shutil.which("Burrow", path=ROOT / ".build/burrow/usr/bin") or shutil.which("Burrow")
# Burrow judges by a group's last commits, so many, and takes none within a second of another.
WINDOW = 4
TICK_SECONDS = 1.1
pytestmark = pytest.mark.skipif(
    BURROW is None, reason="Burrow is neither installed nor unpacked into .build/burrow")


class Watch:
    """A Burrow, and what it tells."""

    def __init__(self, process, port, log):
        self.process, self.port, self.log = process, port, log

    def ask(self, path):
        url = f"http://127.0.0.1:{self.port}/v3/kafka/local{path}"
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)

    def group(self, name):
        return self.ask(f"/consumer/{name}/lag")["status"]

    def wait_for(self, name, judgement, partition, seconds=20):
        """Waits until the group and its one partition are seen as said."""
        deadline = time.monotonic() + seconds
        while True:
            found = None
            try:
                found = self.group(name)
                if found["status"] == judgement \
                        and [p["status"] for p in found["partitions"]] == [partition]:
                    return found
            except (OSError, KeyError) as error:
                found = found or error
            assert time.monotonic() < deadline, f"{name}: {found}\n{self.log.read_text()[-3000:]}"
            time.sleep(0.2)


@pytest.fixture
def burrow(work):
    """Starts a Burrow that watches a broker."""
    started = []

    def start(bootstrap):
        zookeeper, port = ZooKeeper(), free_port()
        started.append((None, zookeeper))
        (work / "burrow.toml").write_text(f"""
[zookeeper]
servers=["127.0.0.1:{zookeeper.port}"]
timeout=5
root-path="/burrow"
[client-profile.test]
client-id="burrow"
kafka-version="2.0.0"
[cluster.local]
class-name="kafka"
servers=["{bootstrap}"]
client-profile="test"
topic-refresh=2
offset-refresh=1
[consumer.local]
class-name="kafka"
cluster="local"
servers=["{bootstrap}"]
client-profile="test"
[httpserver.default]
address="127.0.0.1:{port}"
[storage.default]
class-name="inmemory"
workers=2
intervals={WINDOW}
min-distance=1
[evaluator.default]
class-name="caching"
expire-cache=1
""")
        log = open(work / "burrow.log", "wb")
        process = subprocess.Popen(
            [BURROW, "--config-dir", str(work)], stdout=log, stderr=log, cwd=work)
        started.append((process, None))
        watch = Watch(process, port, work / "burrow.log")
        deadline = time.monotonic() + 15
        while True:
            try:
                watch.ask("")
                return watch
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, \
                    (work / "burrow.log").read_text()[-3000:]
                time.sleep(0.1)

    yield start
    for process, zookeeper in reversed(started):
        if process is not None:
            process.kill()
            process.wait()
        if zookeeper is not None:
            zookeeper.shutdown()
            zookeeper.server_close()


class Reader:
    """A real member of a group of its own, that commits what the test tells it to."""

    def __init__(self, bootstrap, topic, name):
        self.topic, self.group, self.position = topic, name, 0
        self.consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": name, "client.id": name + "-client",
            "enable.auto.commit": False, "auto.offset.reset": "earliest"})
        self.consumer.subscribe([topic])
        deadline = time.monotonic() + 20
        while not self.consumer.assignment():
            self.poll()
            assert time.monotonic() < deadline, name

    def poll(self):
        for message in self.consumer.consume(1000, timeout=0.1):
            assert message.error() is None, message.error()
            self.position = message.offset() + 1

    def commit(self, offset):
        self.consumer.commit(
            offsets=[TopicPartition(self.topic, 0, offset)], asynchronous=False)


def test_burrow_tells_how_groups_fare(make_broker, burrow):
    broker = make_broker(settings={"offsets.topic.num.partitions": "2"})
    topic = "events"
    create_topic(broker.bootstrap, topic, 1)
    watch = burrow(broker.bootstrap)
    moving, slow, stalled, stopped = readers = [
        Reader(broker.bootstrap, topic, name) for name in ("moving", "slow", "stalled", "stopped")]
    written = 0
    try:
        for turn in range(WINDOW + 3):
            began = time.monotonic()
            ConfluentKafka.write(broker.bootstrap, topic, [Event(b"event")] * 100)
            written += 100
            for reader in readers:
                reader.poll()
            moving.commit(moving.position)
            slow.commit((turn + 1) * 10)
            stalled.commit(50)
            if turn < WINDOW:
                stopped.commit((turn + 1) * 10)
            time.sleep(max(0, TICK_SECONDS - (time.monotonic() - began)))
        found = watch.wait_for("moving", "OK", "OK")
        assert found["partition_count"] == 1 and found["complete"] == 1
        assert found["totallag"] == 0 and moving.position == written
        found = watch.wait_for("slow", "WARN", "WARN")
        assert found["partitions"][0]["end"]["offset"] == (WINDOW + 3) * 10
        found = watch.wait_for("stalled", "ERR", "STALL")
        assert found["partitions"][0]["end"]["offset"] == 50
        assert found["totallag"] == written - 50
        found = watch.wait_for("stopped", "ERR", "STOP")
        assert found["partitions"][0]["end"]["offset"] == WINDOW * 10
        # The ends it has from ListOffsets. (Who owns a partition Debian's Burrow cannot read in
        # the records that Kafka writes since 2.3, which are ours.)
        assert watch.ask(f"/topic/{topic}")["offsets"] == [written]
        assert set(watch.ask("/consumer")["consumers"]) >= {"moving", "slow", "stalled", "stopped"}
    finally:
        for reader in readers:
            reader.consumer.close()
