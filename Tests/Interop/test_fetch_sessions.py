"""kafka-python fetches by sessions: only what changes is named, only what changed is told."""
import re
import time

import kafka
from kafka import TopicPartition

from clients import KafkaPython
from events import Event

SECONDS = 20
PARTITIONS = 20


def metric(broker, name):
    found = re.search(rf"^{name} (\d+)$", broker.http("/metrics")[1], re.MULTILINE)
    return int(found.group(1))


def poll(consumer, count):
    values, deadline = [], time.monotonic() + SECONDS
    while len(values) < count and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=300).values():
            values += [record.value for record in records]
    return sorted(values)


def test_a_session_brings_every_record_of_every_partition_once(make_broker, topic):
    broker = make_broker({"num.partitions": str(PARTITIONS)})
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap)
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=100)
    producer.send(topic, b"first", partition=0).get(SECONDS)
    consumer.assign([TopicPartition(topic, each) for each in range(PARTITIONS)])
    assert poll(consumer, 1) == [b"first"]
    assert metric(broker, "varve_fetch_sessions") == 1
    assert metric(broker, "varve_fetch_session_partitions") == PARTITIONS
    for round in range(5):
        expected = sorted(f"{round} {each}".encode() for each in range(0, PARTITIONS, 3))
        for each in range(0, PARTITIONS, 3):
            producer.send(topic, f"{round} {each}".encode(), partition=each)
        producer.flush()
        assert poll(consumer, len(expected)) == expected
    # Partitions that the client gives up are forgotten, the session goes on.
    consumer.assign([TopicPartition(topic, each) for each in range(5)])
    producer.send(topic, b"last", partition=4).get(SECONDS)
    consumer.seek(TopicPartition(topic, 4), 0)
    assert b"last" in poll(consumer, 1)
    assert metric(broker, "varve_fetch_session_partitions") == 5
    consumer.close()
    producer.close()


def test_a_session_is_begun_anew_after_a_restart(make_broker, topic):
    broker = make_broker()
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap)
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=100)
    producer.send(topic, b"one").get(SECONDS)
    consumer.assign([TopicPartition(topic, 0)])
    assert poll(consumer, 1) == [b"one"]
    broker.kill()
    broker.start()
    producer.send(topic, b"two").get(SECONDS)
    assert poll(consumer, 1) == [b"two"]
    assert metric(broker, "varve_fetch_sessions") == 1
    consumer.close()
    producer.close()


def test_without_slots_clients_go_on_with_full_fetches(make_broker, topic):
    broker = make_broker({"max.incremental.fetch.session.cache.slots": "0"})
    sent = KafkaPython.write(
        broker.bootstrap, topic, [Event(key=b"k", value=str(i).encode()) for i in range(10)])
    read = KafkaPython.read(broker.bootstrap, topic)
    assert [event.value for event in read] == [event.value for event in sent]
    assert metric(broker, "varve_fetch_sessions") == 0
