"""kill -9 of the broker under load, at random moments: every acknowledged event is there
afterwards, once per acknowledged offset.

VARVE_KILLS says how often each load sees its broker killed: 5 by default, 100 in the full run.
VARVE_SEED repeats the moments of a run.
"""
import os
import random
import re
import subprocess
import threading
import time

import kafka
import pytest

from clients import ConfluentKafka, KafkaPython, create_topic

KILLS = int(os.environ.get("VARVE_KILLS", "5"))
PARTITIONS = 3


class KafkaPythonLoad:
    """Producers of kafka-python that know, event by event, what was acknowledged where."""

    def __init__(self, bootstrap, topic, acks, idempotent):
        self.acknowledged = {}
        self.doubled = []  # two events at one offset: an offset acknowledged twice
        self.sent = 0
        self.failures = []
        self.stopping = False
        self.lock = threading.Lock()
        self.producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap, acks=acks, enable_idempotence=idempotent, linger_ms=2,
            batch_size=2048, retry_backoff_ms=50, reconnect_backoff_max_ms=200,
            delivery_timeout_ms=120_000, request_timeout_ms=10_000, max_block_ms=60_000)
        self.thread = threading.Thread(target=self.run, args=(topic,), daemon=True)
        self.thread.start()

    def run(self, topic):
        while not self.stopping:
            value = b"%d" % self.sent
            self.sent += 1
            future = self.producer.send(
                topic, value=value + b" " + b"x" * 100, partition=self.sent % PARTITIONS)
            future.add_callback(self.note, value)
            future.add_errback(self.fail)
            time.sleep(0.001)

    def note(self, value, metadata):
        with self.lock:
            place = metadata.partition, metadata.offset
            if place in self.acknowledged:
                self.doubled.append((place, self.acknowledged[place], value))
            self.acknowledged[place] = value

    def fail(self, error):
        self.failures.append(repr(error))

    def finish(self):
        self.stopping = True
        self.thread.join(70)
        self.producer.flush(timeout=90)
        self.producer.close(timeout=10)


class KcatLoad:
    """A kcat that is fed numbered lines; it says the offset of each delivery (-vvv)."""

    def __init__(self, bootstrap, topic, acks, idempotent):
        self.sent = 0
        self.stopping = False
        self.delivered = []
        self.process = subprocess.Popen(
            ["kcat", "-b", bootstrap, "-P", "-t", topic, "-p", "0", "-E", "-v", "-v",
             "-X", f"acks={acks}", "-X", f"enable.idempotence={str(idempotent).lower()}",
             "-X", "linger.ms=2", "-X", "batch.num.messages=50",
             "-X", "reconnect.backoff.max.ms=200", "-X", "retry.backoff.ms=50",
             "-X", "message.timeout.ms=120000", "-X", "socket.timeout.ms=10000"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.threads = [
            threading.Thread(target=run, daemon=True) for run in (self.feed, self.listen)]
        for thread in self.threads:
            thread.start()

    def feed(self):
        while not self.stopping:
            self.process.stdin.write(b"%d %s\n" % (self.sent, b"x" * 100))
            self.process.stdin.flush()
            self.sent += 1
            time.sleep(0.001)
        self.process.stdin.close()

    def listen(self):
        for line in self.process.stderr:
            found = re.search(rb"delivered to partition 0 \(offset (\d+)\)", line)
            if found:
                self.delivered.append(int(found[1]))

    def finish(self):
        self.stopping = True
        self.threads[0].join(10)
        status = self.process.wait(150)
        self.threads[1].join(10)
        assert status == 0, status


def kill_and_restart(broker, count, test):
    seed = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    print(f"{test}: VARVE_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(count):
        time.sleep(chance.uniform(0.05, 1.2))
        broker.kill()
        broker.start()
    time.sleep(0.3)


@pytest.mark.parametrize("acks, idempotent", [("all", True), (1, False)])
def test_nothing_acknowledged_to_kafka_python_is_lost(make_broker, topic, acks, idempotent):
    broker = make_broker()
    create_topic(broker.bootstrap, topic, PARTITIONS)
    load = KafkaPythonLoad(broker.bootstrap, topic, acks, idempotent)
    kill_and_restart(broker, KILLS, "kafka-python")
    load.finish()
    assert load.acknowledged, load.failures[:3]
    assert not load.doubled, load.doubled[:5]
    found = {}
    for partition in range(PARTITIONS):
        events = ConfluentKafka.read(broker.bootstrap, topic, partition)
        assert [event.offset for event in events] == list(range(len(events)))
        found.update(
            {(partition, event.offset): event.value.split()[0] for event in events})
    lost = {
        place: value for place, value in load.acknowledged.items() if found.get(place) != value}
    assert not lost, f"{len(lost)} of {len(load.acknowledged)}, first {sorted(lost.items())[:5]}"
    if idempotent:
        values = list(found.values())
        assert len(values) == len(set(values)), "an idempotent producer's event is there twice"
        assert not load.failures, load.failures[:3]
    print(f"{len(load.acknowledged)} acknowledged of {load.sent}, {KILLS} kills")


@pytest.mark.parametrize("acks, idempotent", [("all", True), (1, False)])
def test_nothing_acknowledged_to_kcat_is_lost(make_broker, topic, acks, idempotent):
    broker = make_broker()
    create_topic(broker.bootstrap, topic, 1)
    load = KcatLoad(broker.bootstrap, topic, acks, idempotent)
    kill_and_restart(broker, KILLS, "kcat")
    load.finish()
    events = KafkaPython.read(broker.bootstrap, topic)
    assert [event.offset for event in events] == list(range(len(events)))
    numbers = [int(event.value.split()[0]) for event in events]
    # kcat ended well, so every line was acknowledged; each delivery named its own offset.
    assert set(numbers) == set(range(load.sent))
    assert len(load.delivered) == load.sent
    assert len(set(load.delivered)) == load.sent, "an offset was acknowledged twice"
    assert set(load.delivered) <= {event.offset for event in events}
    if idempotent:
        assert numbers == list(range(load.sent))
    print(f"{load.sent} lines, {len(events)} events, {KILLS} kills")
