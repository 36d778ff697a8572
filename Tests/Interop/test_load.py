"""Many clients at once: order, bounded memory, answers in the order of their requests."""
import os
import socket
import struct
import subprocess
import threading
import time

import confluent_kafka
import pytest

from clients import ConfluentKafka, create_topic
from members import Member, share, wait_until
from test_groups import PARTITIONS, SECONDS, Feed, group_offsets


def test_many_writers_keep_their_own_order(broker, topic):
    """Twenty producers into one partition: each one's events stand in the order it sent them."""
    create_topic(broker.bootstrap, topic, 1)
    writers, count = 20, 300
    processes = []
    for writer in range(writers):
        processes.append(subprocess.Popen(
            ["kcat", "-b", broker.bootstrap, "-P", "-t", topic, "-p", "0",
             "-X", "enable.idempotence=true", "-X", "linger.ms=1", "-X", "batch.num.messages=7"],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL))
    for writer, process in enumerate(processes):
        process.stdin.write(b"".join(b"%d %d\n" % (writer, n) for n in range(count)))
        process.stdin.close()
    assert [process.wait(SECONDS) for process in processes] == [0] * writers
    read = ConfluentKafka.read(broker.bootstrap, topic)
    assert [event.offset for event in read] == list(range(writers * count))
    seen = {writer: [] for writer in range(writers)}
    for event in read:
        writer, number = map(int, event.value.split())
        seen[writer].append(number)
    assert all(numbers == list(range(count)) for numbers in seen.values())


def test_large_events_from_many_clients_stay_within_bounds(make_broker, topic):
    """Sixteen producers with 20 MiB events at once: all arrive, and memory does not add up."""
    broker = make_broker()
    size, clients = 20 << 20, 16
    create_topic(broker.bootstrap, topic, 1, {"max.message.bytes": str(32 << 20)})
    before, peak, stop = broker.resident_bytes(), [0], threading.Event()

    def watch():
        while not stop.wait(0.02):
            peak[0] = max(peak[0], broker.resident_bytes())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    errors = []
    producers = [
        confluent_kafka.Producer({
            "bootstrap.servers": broker.bootstrap, "message.max.bytes": 32 << 20,
            "request.timeout.ms": 30_000})
        for _ in range(clients)]
    try:
        for producer in producers:
            producer.produce(
                topic, os.urandom(1 << 10) * (size >> 10), partition=0,
                on_delivery=lambda error, message: error and errors.append(error))
        for producer in producers:
            assert producer.flush(60) == 0
    finally:
        stop.set()
        watcher.join()
    assert not errors, errors[:2]
    read = ConfluentKafka.read(broker.bootstrap, topic)
    assert [len(event.value) for event in read] == [size] * clients
    assert peak[0] - before < 600 << 20, f"{(peak[0] - before) >> 20} MiB"


def frame(api, version, correlation, body):
    text = struct.pack(">hhihs", api, version, correlation, 1, b"p") + body
    return struct.pack(">i", len(text)) + text


def test_pipelined_requests_are_answered_in_order(broker, topic):
    """A long poll among them holds the later answers back, and none overtakes it."""
    create_topic(broker.bootstrap, topic, 1)
    name = struct.pack(">h", len(topic)) + topic.encode()
    metadata = struct.pack(">i", 1) + name
    fetch = (struct.pack(">iiiibi", -1, 400, 1, 1 << 20, 0, 1) + name
             + struct.pack(">iiqi", 1, 0, 0, 1 << 20))
    sent = b""
    for number in range(200):
        if number == 60:
            sent += frame(1, 4, number, fetch)
        elif number % 2:
            sent += frame(3, 1, number, metadata)
        else:
            sent += frame(18, 0, number, b"")
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as connection:
        began = time.monotonic()
        connection.sendall(sent)
        stream = connection.makefile("rb")
        for number in range(200):
            length, = struct.unpack(">i", stream.read(4))
            correlation, = struct.unpack(">i", stream.read(length)[:4])
            assert correlation == number
        assert time.monotonic() - began >= 0.35


@pytest.mark.parametrize("client", ["kcat", "kafka-python", "aiokafka"])
def test_groups_go_on_when_the_broker_is_killed(make_broker, topic, client):
    broker = make_broker()
    create_topic(broker.bootstrap, topic, PARTITIONS)
    feed = Feed(broker.bootstrap, topic)
    group = "group-" + topic
    members = [Member(client, broker.bootstrap, group, topic) for _ in range(2)]
    try:
        wait_until(lambda: share(members, PARTITIONS), SECONDS, members, "two share all")
        wait_until(lambda: all(m.events for m in members), 10, members, "all get events")
        for _ in range(2):
            broker.kill()
            time.sleep(0.3)
            broker.start()
            time.sleep(0.7)
        acknowledged = feed.stop()

        def seen():
            return {(p, o): value for member in members for p, o, value in list(member.events)}

        wait_until(
            lambda: seen().keys() >= acknowledged.keys(), SECONDS, members, "all events arrive")
        assert acknowledged.items() <= seen().items()
        for number, member in enumerate(members):
            # One that leaves amid the rebalance of another's leaving could not commit any more.
            wait_until(lambda: share(members[number:], PARTITIONS), SECONDS, members, "the rest")
            member.leave()
        ends = {}
        for partition, offset in seen():
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        assert group_offsets(broker.bootstrap, group, topic) == ends
    finally:
        feed.stopping = True
        for member in members:
            if member.process.poll() is None:
                member.kill()
