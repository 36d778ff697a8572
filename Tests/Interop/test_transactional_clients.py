"""Transactions of the clients that people use: commit, abort, fencing, timeouts, offsets inside
transactions, and what administrators see of them."""
import asyncio
import time

import aiokafka
import confluent_kafka
import kafka
import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from kafka.admin._transactions import AbortTransactionSpec

from clients import create_topic
from test_transactions import Segment

SECONDS = 30
PARTITIONS = 3
SETTINGS = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "100"}


def confluent_producer(bootstrap, name, **settings):
    producer = confluent_kafka.Producer({
        "bootstrap.servers": bootstrap, "transactional.id": name, "linger.ms": 2,
        "transaction.timeout.ms": 30_000, **settings})
    producer.init_transactions(SECONDS)
    return producer


def read(bootstrap, topic, isolation="read_committed"):
    """The values of all partitions up to the end that this isolation shows."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
        "isolation.level": isolation, "enable.partition.eof": True, "check.crcs": True,
        "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50})
    consumer.assign([
        confluent_kafka.TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    values, ended, deadline = [], set(), time.monotonic() + SECONDS
    while len(ended) < PARTITIONS:
        assert time.monotonic() < deadline, f"{len(values)} values, ends of {ended}"
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ended.add(message.partition())
        else:
            values.append(message.value().decode())
    consumer.close()
    return values


class Confluent:
    """librdkafka."""

    def __init__(self, bootstrap, name):
        self.producer = confluent_producer(bootstrap, name)

    def begin(self):
        self.producer.begin_transaction()

    def send(self, topic, partition, value):
        self.producer.produce(topic, value.encode(), partition=partition)

    def flush(self):
        assert self.producer.flush(SECONDS) == 0

    def commit(self):
        self.producer.commit_transaction(SECONDS)

    def abort(self):
        self.producer.abort_transaction(SECONDS)

    def close(self):
        pass


class KafkaPython:
    def __init__(self, bootstrap, name):
        self.producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap, transactional_id=name, linger_ms=2)
        self.producer.init_transactions()

    def begin(self):
        self.producer.begin_transaction()

    def send(self, topic, partition, value):
        self.producer.send(topic, value.encode(), partition=partition)

    def flush(self):
        self.producer.flush(SECONDS)

    def commit(self):
        self.producer.commit_transaction()

    def abort(self):
        self.producer.abort_transaction()

    def close(self):
        self.producer.close()


class AioKafka:
    """aiokafka, from outside of its loop."""

    def __init__(self, bootstrap, name):
        self.loop = asyncio.new_event_loop()
        self.futures = []

        async def make():
            producer = aiokafka.AIOKafkaProducer(
                bootstrap_servers=bootstrap, transactional_id=name, linger_ms=2)
            await producer.start()
            return producer

        self.producer = self.run(make())

    def run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, SECONDS))

    def begin(self):
        self.run(self.producer.begin_transaction())

    def send(self, topic, partition, value):
        async def send():
            return await self.producer.send(topic, value.encode(), partition=partition)
        self.futures.append(self.run(send()))

    def flush(self):
        self.run(self.producer.flush())

    def commit(self):
        self.run(self.producer.commit_transaction())

    def abort(self):
        self.run(self.producer.abort_transaction())

    def close(self):
        self.run(self.producer.stop())
        self.loop.close()


@pytest.mark.parametrize("client", [Confluent, KafkaPython, AioKafka])
def test_what_commits_is_seen_and_what_aborts_never(make_broker, topic, client):
    broker = make_broker(SETTINGS)
    create_topic(broker.bootstrap, topic, PARTITIONS)
    producer, committed, everything = client(broker.bootstrap, "writer"), [], []
    for number in range(12):
        values = [f"{number}.{index}" for index in range(9)]
        producer.begin()
        for index, value in enumerate(values):
            producer.send(topic, index % PARTITIONS, value)
        everything += values
        if number % 3 == 1:
            producer.flush()
            assert sorted(read(broker.bootstrap, topic)) == sorted(committed), "open, and seen"
        if number % 3 == 2:
            # Whatever was sent is in the log before it is aborted.
            producer.flush()
            producer.abort()
        else:
            producer.commit()
            committed += values
        assert sorted(read(broker.bootstrap, topic)) == sorted(committed)
    producer.close()
    assert sorted(read(broker.bootstrap, topic, "read_uncommitted")) == sorted(everything)
    broker.restart()
    assert sorted(read(broker.bootstrap, topic)) == sorted(committed)


def test_a_second_instance_fences_the_first(make_broker, topic):
    broker = make_broker(SETTINGS)
    create_topic(broker.bootstrap, topic, PARTITIONS)
    first = confluent_producer(broker.bootstrap, "writer")
    first.begin_transaction()
    first.produce(topic, b"lost", partition=0)
    assert first.flush(SECONDS) == 0
    second = confluent_producer(broker.bootstrap, "writer")
    with pytest.raises(KafkaException) as refused:
        first.produce(topic, b"late", partition=0)
        first.commit_transaction(SECONDS)
    assert refused.value.args[0].code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED)
    second.begin_transaction()
    second.produce(topic, b"kept", partition=0)
    second.commit_transaction(SECONDS)
    assert read(broker.bootstrap, topic) == ["kept"]


def test_a_transaction_that_takes_too_long_is_aborted(make_broker, topic):
    broker = make_broker(SETTINGS)
    create_topic(broker.bootstrap, topic, PARTITIONS)
    slow = confluent_producer(broker.bootstrap, "slow", **{"transaction.timeout.ms": 1000})
    slow.begin_transaction()
    slow.produce(topic, b"slow", partition=0)
    assert slow.flush(SECONDS) == 0
    other = confluent_producer(broker.bootstrap, "other")
    other.begin_transaction()
    other.produce(topic, b"behind", partition=0)
    other.commit_transaction(SECONDS)
    # Committed, and held back by the open transaction before it, until that is over.
    deadline = time.monotonic() + SECONDS
    while read(broker.bootstrap, topic) != ["behind"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with pytest.raises(KafkaException):
        slow.commit_transaction(SECONDS)
    too_long = confluent_kafka.Producer({
        "bootstrap.servers": broker.bootstrap, "transactional.id": "x",
        "transaction.timeout.ms": 1_000_000})
    with pytest.raises(KafkaException) as refused:
        too_long.init_transactions(SECONDS)
    assert refused.value.args[0].code() == KafkaError.INVALID_TRANSACTION_TIMEOUT


def consumer_of(bootstrap, group, topic):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "isolation.level": "read_committed",
        "session.timeout.ms": 6000, "fetch.wait.max.ms": 50})
    consumer.subscribe([topic])
    return consumer


def test_consume_transform_produce_moves_each_event_once(make_broker, topic):
    """With transactions that abort between: their offsets do not count either."""
    broker = make_broker(SETTINGS)
    source, target = topic[:90] + "-in", topic[:90] + "-out"
    for name in (source, target):
        create_topic(broker.bootstrap, name, PARTITIONS)
    feed = confluent_producer(broker.bootstrap, "feed")
    feed.begin_transaction()
    for number in range(300):
        feed.produce(source, str(number).encode(), partition=number % PARTITIONS)
    feed.commit_transaction(SECONDS)

    moved, rounds, deadline = 0, 0, time.monotonic() + 3 * SECONDS
    while moved < 300:
        consumer = consumer_of(broker.bootstrap, "movers", source)
        producer = confluent_producer(broker.bootstrap, "mover")
        while moved < 300:
            assert time.monotonic() < deadline, f"{moved} moved"
            messages = consumer.consume(20, timeout=0.5)
            if not messages:
                continue
            producer.begin_transaction()
            for message in messages:
                assert message.error() is None, message.error()
                producer.produce(
                    target, b"<" + message.value() + b">", partition=message.partition())
            producer.send_offsets_to_transaction(
                consumer.position(consumer.assignment()), consumer.consumer_group_metadata(),
                SECONDS)
            rounds += 1
            if rounds % 3 == 0:
                producer.flush(SECONDS)
                producer.abort_transaction(SECONDS)
                break  # a new consumer goes on from the last committed offsets
            producer.commit_transaction(SECONDS)
            moved += len(messages)
        consumer.close()
    assert sorted(read(broker.bootstrap, target)) == sorted(f"<{n}>" for n in range(300))


def test_kafka_python_sends_offsets_in_transactions(make_broker, topic):
    broker = make_broker(SETTINGS)
    create_topic(broker.bootstrap, topic, PARTITIONS)
    place = kafka.TopicPartition(topic, 0)
    producer = kafka.KafkaProducer(
        bootstrap_servers=broker.bootstrap, transactional_id="offsets")
    producer.init_transactions()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})

    def committed():
        offsets = admin.list_consumer_group_offsets(
            [confluent_kafka.ConsumerGroupTopicPartitions("g", [
                confluent_kafka.TopicPartition(topic, 0)])])
        return offsets["g"].result(SECONDS).topic_partitions[0].offset

    for offset, commits, expected in ((3, True, 3), (7, False, 3), (9, True, 9)):
        producer.begin_transaction()
        producer.send(topic, b"x", partition=0)
        producer.send_offsets_to_transaction(
            {place: kafka.structs.OffsetAndMetadata(offset, "", -1)}, "g")
        if commits:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
        assert committed() == expected
    producer.close()
    broker.kill()
    broker.start()
    assert committed() == 9


def test_administrators_see_transactions(make_broker, topic):
    broker = make_broker(SETTINGS)
    create_topic(broker.bootstrap, topic, PARTITIONS)
    place = kafka.TopicPartition(topic, 1)
    producer = confluent_producer(broker.bootstrap, "seen")
    admin = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        for _ in range(2):
            producer.begin_transaction()
            producer.produce(topic, b"x", partition=1)
            assert producer.flush(SECONDS) == 0
            [listed] = sum(admin.list_transactions(state_filters=["Ongoing"]).values(), [])
            assert listed.transactional_id == "seen"
            described = admin.describe_transactions(["seen"])["seen"]
            assert described.state == "Ongoing" and described.topic_partitions == {place}
            assert described.producer_id == listed.producer_id
            [writer] = admin.describe_producers([place])[place].active_producers
            assert writer.producer_id == listed.producer_id and writer.last_sequence >= 0
            assert writer.current_transaction_start_offset >= 0
            producer.commit_transaction(SECONDS)
            assert admin.describe_transactions(["seen"])["seen"].state == "CompleteCommit"
            [writer] = admin.describe_producers([place])[place].active_producers
            assert writer.current_transaction_start_offset == -1
        assert not sum(admin.list_transactions(state_filters=["Ongoing"]).values(), [])
        assert not sum(
            admin.list_transactions(producer_id_filters=[listed.producer_id + 1]).values(), [])
    finally:
        admin.close()


def test_administrators_end_a_transaction_that_hangs(make_broker, topic):
    """One that no coordinator knows of: a log that another broker left behind."""
    broker = make_broker(SETTINGS)
    create_topic(broker.bootstrap, topic, PARTITIONS)
    broker.stop()
    segment = Segment()
    segment.write(["hangs"], producer=77)
    segment.write(["behind"])
    place = broker.directory / "data" / "topics" / topic / "0"
    (place / f"{0:020}.log").write_bytes(segment.data)
    broker.start()
    assert read(broker.bootstrap, topic) == []
    admin = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        partition = kafka.TopicPartition(topic, 0)
        [writer] = admin.describe_producers([partition])[partition].active_producers
        admin.abort_transaction(AbortTransactionSpec(
            partition, writer.producer_id, writer.producer_epoch, writer.coordinator_epoch))
        # What the tool sends that does not know the coordinator's epoch.
        admin.abort_transaction(AbortTransactionSpec(
            partition, writer.producer_id, writer.producer_epoch))
    finally:
        admin.close()
    assert read(broker.bootstrap, topic) == ["behind"]
