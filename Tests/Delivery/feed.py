"""Events to deliver, and the ledger of what the broker acknowledged."""
import json
import os
import threading
import time
import zipfile

import confluent_kafka

PARTITIONS = 3


def synthetic(number, rng):
    """An event as a shipper sends it: most are JSON objects, some are plain lines."""
    if number % 10 == 9:
        return f"<34>Oct 11 22:14:15 host{number % 7} sshd[{number}]: login \"{number}\" = ok|no"
    return json.dumps({
        "@timestamp": f"2026-01-{1 + number % 3:02d}T10:00:{number % 60:02d}.{number % 1000:03d}Z",
        "event": {"action": "logon", "id": number},
        "host": {"name": f"host{number % 7}"},
        "message": "wörter " + "x" * rng.randrange(200),
    }, ensure_ascii=False)


def real_lines():
    """The lines of the zip that VARVE_EVENTS_ZIP names; None when it is not set."""
    path = os.environ.get("VARVE_EVENTS_ZIP")
    if not path:
        return None
    with zipfile.ZipFile(path) as archive:
        lines = []
        for name in archive.namelist():
            lines += [line for line in archive.read(name).split(b"\n") if line]
        return lines


class Feed:
    """Writes events at a steady rate until it is stopped.

    `acknowledged` maps identities (topic-partition-offset) to values; `slowest` is the longest
    that an acknowledgement took, in seconds."""

    def __init__(self, bootstrap, topic, rng, rate=400, make=synthetic):
        self.topic, self.rng, self.rate, self.make = topic, rng, rate, make
        self.acknowledged, self.errors, self.slowest = {}, [], 0.0
        self.number = 0
        self.stopping = False
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": bootstrap, "linger.ms": 5, "enable.idempotence": True})
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping:
            for _ in range(max(1, self.rate // 50)):
                sent = time.monotonic()
                self.producer.produce(
                    self.topic, value=self.make(self.number, self.rng).encode(),
                    partition=self.number % PARTITIONS,
                    on_delivery=lambda error, message, sent=sent: self.done(error, message, sent))
                self.number += 1
            self.producer.poll(0)
            time.sleep(0.02)

    def done(self, error, message, sent):
        if error is not None:
            self.errors.append(str(error))
            return
        self.slowest = max(self.slowest, time.monotonic() - sent)
        identity = f"{message.topic()}-{message.partition()}-{message.offset()}"
        self.acknowledged[identity] = message.value()

    def stop(self):
        self.stopping = True
        self.thread.join(10)
        assert self.producer.flush(30) == 0
        assert not self.errors, self.errors[:3]
        return self.acknowledged


def read_topic(bootstrap, topic, seconds=20):
    """Every message of a topic, from its start to its end now."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False,
        "check.crcs": True})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {
            p: consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, p), timeout=10)
            for p in partitions}
        missing = {p: end for p, (start, end) in ends.items() if end > start}
        consumer.assign([
            confluent_kafka.TopicPartition(topic, p, ends[p][0]) for p in missing])
        messages, deadline = [], time.monotonic() + seconds
        while missing and time.monotonic() < deadline:
            for message in consumer.consume(1000, 0.2):
                assert message.error() is None, message.error()
                messages.append(message)
                if message.offset() + 1 >= missing.get(message.partition(), 0):
                    missing.pop(message.partition(), None)
        assert not missing, f"{topic}: {missing} not reached"
        return messages
    finally:
        consumer.close()
