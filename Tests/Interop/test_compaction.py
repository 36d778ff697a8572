"""A compacted topic as real clients see it: the last value of each key stays at its offset, what
is deleted goes, also over a kill -9 in the midst."""
import random
import time

import confluent_kafka
import confluent_kafka.admin
import kafka
import pytest

from clients import CODECS, ConfluentKafka, KafkaPython, Kcat
from events import Event

SETTINGS = {"log.cleaner.backoff.ms": "100"}
TOPIC = {
    "cleanup.policy": "compact", "segment.bytes": "20000", "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "1500",
}
KEYS = 20
SECONDS = 40


def create(broker, topic, config):
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": broker.bootstrap})
    new = confluent_kafka.admin.NewTopic(topic, 1, 1, config=config)
    admin.create_topics([new])[topic].result(20)


def metric(broker, name):
    for line in broker.http("/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return int(line.split()[1])
    raise AssertionError(f"no metric {name}")


def update(broker, topic, codec, count, wrote, tombstones=()):
    """Writes `count` updates in many batches; notes each offset's key and value in `wrote`."""
    events = [
        Event(b"%d " % len(wrote) + random.randbytes(200), b"key %d" % random.randrange(KEYS))
        for _ in range(count)] + [Event(None, key) for key in tombstones]
    for start in range(0, len(events), 10):
        ConfluentKafka.write(broker.bootstrap, topic, events[start:start + 10], codec)
    wrote.update({event.offset: (event.key, event.value) for event in events})


def latest(wrote):
    last = {}
    for offset in sorted(wrote):
        last[wrote[offset][0]] = offset
    return last


def check(read, wrote):
    """What is there was written at that offset; the last value of each key is there."""
    found = {event.offset: (event.key, event.value) for event in read}
    for offset, event in found.items():
        assert wrote[offset] == event, offset
    for key, offset in latest(wrote).items():
        if wrote[offset][1] is not None:
            assert offset in found, (key, offset)
    return found


def wait_until(broker, topic, is_enough):
    deadline = time.monotonic() + SECONDS
    while True:
        read = ConfluentKafka.read(broker.bootstrap, topic)
        if is_enough(read):
            return read
        assert time.monotonic() < deadline, f"{len(read)} records left\n{broker.tail(10)}"
        time.sleep(0.2)


@pytest.mark.parametrize("codec", CODECS)
def test_latest_values_stay_and_the_rest_goes(make_broker, topic, codec):
    broker, wrote = make_broker(SETTINGS), {}
    create(broker, topic, TOPIC)
    update(broker, topic, codec, 600, wrote)
    end = max(wrote) + 1
    time.sleep(0.6)
    # A batch or two may lie in the segment that is still open.
    update(broker, topic, codec, 1, wrote)
    read = wait_until(broker, topic, lambda read: len(read) <= KEYS + 1)
    check(read, wrote)
    for client in (KafkaPython, Kcat):
        if client is Kcat or codec != "none":
            assert check(client.read(broker.bootstrap, topic), wrote)
    consumer = kafka.KafkaConsumer(bootstrap_servers=broker.bootstrap)
    place = kafka.TopicPartition(topic, 0)
    assert consumer.beginning_offsets([place])[place] == 0
    assert consumer.end_offsets([place])[place] == end + 1
    consumer.close()
    assert metric(broker, "varve_compactions_total") > 0
    assert metric(broker, "varve_compaction_records_removed_total") >= 600 - KEYS
    broker.restart()
    check(ConfluentKafka.read(broker.bootstrap, topic), wrote)


def test_deleted_keys_go_after_their_time(make_broker, topic):
    broker, wrote = make_broker(SETTINGS), {}
    create(broker, topic, TOPIC)
    update(broker, topic, "lz4", 200, wrote)
    gone = [b"key 1", b"key 2"]
    update(broker, topic, "none", 0, wrote, tombstones=gone)
    last = latest(wrote)
    time.sleep(0.6)
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"last", b"other")])
    # First the values go and the tombstones stay, then these go as well.
    wait_until(broker, topic, lambda read: not [
        e for e in read if e.key in gone and e.offset != last[e.key]])
    read = wait_until(broker, topic, lambda read: not [e for e in read if e.key in gone])
    wrote[max(wrote) + 1] = (b"other", b"last")
    check(read, wrote)


def test_kills_in_the_midst_lose_nothing(make_broker, topic):
    broker, wrote = make_broker(SETTINGS), {}
    create(broker, topic, TOPIC)
    for kill in range(8):
        update(broker, topic, CODECS[kill % len(CODECS)], 150, wrote)
        time.sleep(random.uniform(0, 0.4))
        broker.kill()
        broker.start()
        check(ConfluentKafka.read(broker.bootstrap, topic), wrote)
    time.sleep(0.6)
    update(broker, topic, "zstd", 1, wrote)
    read = wait_until(broker, topic, lambda read: len(read) <= KEYS + 1)
    check(read, wrote)
    assert "damage set aside" not in broker.log_path.read_text()


def test_records_without_a_key_are_refused(make_broker, topic):
    broker = make_broker(SETTINGS)
    create(broker, topic, TOPIC)
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap, retries=0)
    with pytest.raises(kafka.errors.KafkaError) as refused:
        producer.send(topic, value=b"no key").get(20)
    assert "InvalidRecord" in type(refused.value).__name__ + repr(refused.value)
    producer.close()
