"""A disk that is really full: a small tmpfs, filled by a client and then made larger."""
import shutil
import subprocess
import time

import confluent_kafka
import confluent_kafka.admin
import pytest

from broker import Broker
from clients import ConfluentKafka, create_topic
from events import Event

BYTES = 48 << 20


@pytest.fixture
def small_disk(work):
    """A file system of BYTES; only root may mount one."""
    place = work / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(place)],
        capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("cannot mount a tmpfs: " + mounted.stderr.decode().strip())
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def grow(place, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


def test_a_full_disk_refuses_and_goes_on_when_there_is_room(small_disk, request, topic):
    broker = Broker(small_disk / "broker", {
        "log.segment.bytes": str(4 << 20), "varve.disk.reserve.bytes": str(8 << 20)})
    request.node.brokers = [broker]
    broker.start()
    try:
        create_topic(broker.bootstrap, topic, 1)
        create_topic(broker.bootstrap, topic + "-other", 1)
        acknowledged, refused = {}, []
        # One try an event, and no waiting for a disk that does not get room.
        producer = confluent_kafka.Producer({
            "bootstrap.servers": broker.bootstrap, "retries": 0, "message.timeout.ms": 5000,
            "linger.ms": 0, "log_level": 0})

        def note(error, message):
            if error is None:
                acknowledged[message.offset()] = message.value()
            else:
                refused.append(error)

        number = 0
        deadline = time.monotonic() + 40
        while not refused and time.monotonic() < deadline:
            for _ in range(20):
                value = b"%d " % number + b"x" * 50_000
                producer.produce(topic, value, partition=0, on_delivery=note)
                number += 1
            producer.flush(20)
        assert refused, f"{number} events of 50 kB fit into {BYTES >> 20} MiB"
        assert broker.http("/health")[0] in (200, 503)
        assert "varve_disk_full 1\n" in broker.http("/metrics")[1]

        # What consumers and operators need goes on: offset commits (their topic is made now, on
        # the full disk), the deletion of a topic.
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": broker.bootstrap, "group.id": topic + "-group",
            "enable.auto.commit": False})
        for offset in range(1, 101):
            consumer.commit(
                offsets=[confluent_kafka.TopicPartition(topic, 0, offset)], asynchronous=False)
        done = consumer.committed([confluent_kafka.TopicPartition(topic, 0)], timeout=20)
        assert done[0].offset == 100
        consumer.close()
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.delete_topics([topic + "-other"])[topic + "-other"].result(20)

        # Everything acknowledged can be read from the full disk.
        read = ConfluentKafka.read(broker.bootstrap, topic)
        assert {e.offset: e.value for e in read}.items() >= acknowledged.items()

        # A producer that waits comes through as soon as there is room, without a restart.
        waiting = confluent_kafka.Producer({
            "bootstrap.servers": broker.bootstrap, "message.timeout.ms": 60_000,
            "retry.backoff.ms": 100, "log_level": 0})
        outcome = []
        waiting.produce(
            topic, b"late " + b"x" * 50_000, partition=0,
            on_delivery=lambda error, message: outcome.append((error, message.offset())))
        waiting.poll(1.5)
        grow(small_disk, 4 * BYTES)
        assert waiting.flush(30) == 0
        assert outcome[0][0] is None, outcome
        ConfluentKafka.write(broker.bootstrap, topic, [Event(b"after")])

        broker.kill()
        broker.start()
        read = ConfluentKafka.read(broker.bootstrap, topic)
        found = {event.offset: event.value for event in read}
        assert found.items() >= acknowledged.items()
        assert found[outcome[0][1]].startswith(b"late ")
        assert read[-1].value == b"after"
        assert broker.http("/health")[0] == 200
    finally:
        if broker.process.poll() is None:
            broker.stop()
        shutil.copy(broker.log_path, small_disk.parent / "broker.log")
