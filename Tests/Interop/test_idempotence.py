"""Producers that number their batches: nothing twice, nothing out of order."""
import asyncio
import time

import confluent_kafka
import kafka
import pytest

from clients import AioKafka, ConfluentKafka, KafkaPython, create_topic
from events import Event


def numbered(count):
    return [Event(b"%d" % number, b"k") for number in range(count)]


@pytest.mark.parametrize("client", ["confluent-kafka", "kafka-python", "aiokafka"])
def test_idempotent_producers_write_each_event_once_in_order(broker, topic, client):
    create_topic(broker.bootstrap, topic, 1)
    events = numbered(2_000)
    if client == "confluent-kafka":
        ConfluentKafka.write(broker.bootstrap, topic, events, **{"enable.idempotence": True})
    elif client == "kafka-python":
        KafkaPython.write(broker.bootstrap, topic, events)  # idempotent unless told otherwise
    else:
        AioKafka.write(broker.bootstrap, topic, events, enable_idempotence=True)
    read = ConfluentKafka.read(broker.bootstrap, topic)
    assert [event.value for event in read] == [event.value for event in events]


@pytest.mark.parametrize("client", ["confluent-kafka", "kafka-python"])
def test_a_crash_between_doubles_nothing(make_broker, topic, client):
    """The broker dies under load; retries of an idempotent producer are recognised after it."""
    broker = make_broker()
    create_topic(broker.bootstrap, topic, 1)
    values = [b"%d" % number for number in range(3_000)]
    errors = []
    if client == "confluent-kafka":
        producer = confluent_kafka.Producer({
            "bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "linger.ms": 1,
            "batch.num.messages": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50})

        def done(error, message):
            if error is not None:
                errors.append(str(error))

        for number, value in enumerate(values):
            producer.produce(topic, value=value, partition=0, on_delivery=done)
            producer.poll(0)
            if number in (1_000, 2_000):
                broker.kill()
                broker.start()
            time.sleep(0.0005)
        assert producer.flush(40) == 0
    else:
        producer = kafka.KafkaProducer(
            bootstrap_servers=broker.bootstrap, linger_ms=1, retry_backoff_ms=50,
            reconnect_backoff_max_ms=200, batch_size=512)
        futures = []
        for number, value in enumerate(values):
            futures.append(producer.send(topic, value=value, partition=0))
            if number in (1_000, 2_000):
                broker.kill()
                broker.start()
            time.sleep(0.0005)
        errors = [str(f.exception) for f in futures if not wait_for(f)]
        producer.close()
    assert errors == []
    read = ConfluentKafka.read(broker.bootstrap, topic)
    assert [event.value for event in read] == values


def wait_for(future):
    try:
        future.get(timeout=40)
    except kafka.errors.KafkaError:
        return False
    return True


def test_producer_ids_are_never_given_twice(make_broker):
    broker = make_broker()
    seen = []
    for round in range(3):
        for _ in range(5):
            seen.append(asyncio.run(producer_id(broker.bootstrap)))
        broker.kill() if round else broker.stop()
        broker.start()
    assert len(set(seen)) == len(seen)


async def producer_id(bootstrap):
    import aiokafka
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait("ids", b"v")
        return producer._txn_manager.producer_id
    finally:
        await producer.stop()
