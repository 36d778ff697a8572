"""kill -9 of the broker at random moments in many transactions: what was committed is wholly there,
once, nothing of what was aborted is ever read, nothing is half, and nothing hangs.

VARVE_KILLS says how often each load sees its broker killed: 5 by default. VARVE_SEED repeats the
moments of a run.
"""
import os
import random
import threading
import time

import confluent_kafka
from confluent_kafka import KafkaException

from clients import create_topic
from test_transactional_clients import PARTITIONS, consumer_of, read

KILLS = int(os.environ.get("VARVE_KILLS", "5"))
SECONDS = 60
SETTINGS = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
    # Many segments, so that transactions lie across them.
    "log.segment.bytes": "65536",
}


def producer_of(bootstrap, name):
    """A producer that has its transactional id, however often the broker dies meanwhile."""
    producer = confluent_kafka.Producer({
        "bootstrap.servers": bootstrap, "transactional.id": name, "linger.ms": 1,
        "transaction.timeout.ms": 20_000, "reconnect.backoff.max.ms": 200,
        "retry.backoff.ms": 20, "log_level": 0,
        # Where its only broker is away, librdkafka 2.16 throws that broker's handle away to begin
        # anew, and send_offsets_to_transaction may wait for the old one for ever.
        "metadata.recovery.strategy": "none"})
    retry(lambda: producer.init_transactions(SECONDS))
    return producer


def retry(call):
    """Calls until it is done; an error that is no use to repeat goes to the caller."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return call()
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise


class Writer:
    """Transactions one after another, with a ledger of what their client was told."""

    def __init__(self, bootstrap, topic, name, seed):
        self.bootstrap, self.topic, self.name = bootstrap, topic, name
        self.random = random.Random(seed)
        self.committed, self.undecided, self.gone = [], [], set()
        self.failure, self.stopping = None, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            producer, number = producer_of(self.bootstrap, self.name), 0
            while not self.stopping:
                number += 1
                if not self.transact(producer, number):
                    producer = producer_of(self.bootstrap, self.name)
        except BaseException as error:
            self.failure = error
            raise

    def transact(self, producer, number):
        """One transaction; False when the producer is of no use any more."""
        values = [f"{self.name}.{number}.{n}" for n in range(self.random.randint(1, 12))]
        commits = self.random.random() < 0.7
        self.gone.update(values)
        try:
            producer.begin_transaction()
            for n, value in enumerate(values):
                producer.produce(self.topic, value.encode(), partition=n % PARTITIONS)
                if self.random.random() < 0.1:
                    producer.poll(0.002)
            if not commits:
                producer.flush(self.random.random() * 0.05)
                retry(lambda: producer.abort_transaction(SECONDS))
                return True
        except KafkaException as error:
            return self.give_up(producer, error)
        self.gone.difference_update(values)
        try:
            retry(lambda: producer.commit_transaction(SECONDS))
            self.committed.append(values)
            return True
        except KafkaException as error:
            if error.args[0].txn_requires_abort():
                self.gone.update(values)
            else:
                self.undecided.append(values)
            return self.give_up(producer, error)

    def give_up(self, producer, error):
        if not error.args[0].txn_requires_abort():
            return False
        try:
            retry(lambda: producer.abort_transaction(SECONDS))
            return True
        except KafkaException:
            return False

    def finish(self):
        self.stopping = True
        self.thread.join(2 * SECONDS)
        assert not self.thread.is_alive(), f"{self.name} hangs"
        assert self.failure is None, self.failure


class Reader:
    """Reads committed records while all that happens."""

    def __init__(self, bootstrap, topic):
        self.seen, self.stopping = {n: [] for n in range(PARTITIONS)}, False
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
            "isolation.level": "read_committed", "auto.offset.reset": "error",
            "check.crcs": True, "reconnect.backoff.max.ms": 200, "fetch.wait.max.ms": 50,
            "log_level": 0})
        self.consumer.assign([
            confluent_kafka.TopicPartition(topic, n, 0) for n in range(PARTITIONS)])
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping:
            for message in self.consumer.consume(500, timeout=0.1):
                if message.error() is None:
                    self.seen[message.partition()].append(message.value().decode())

    def finish(self):
        self.stopping = True
        self.thread.join(SECONDS)
        self.consumer.close()
        return self.seen


def kill_and_restart(broker, kills, seconds, name):
    seed = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    print(f"{name}: VARVE_SEED={seed}")
    moments = random.Random(seed)
    for _ in range(kills):
        time.sleep(moments.uniform(*seconds))
        broker.kill()
        broker.start()


def assert_nothing_hangs(bootstrap, topic):
    """The end of committed records comes to be the end of all."""
    def ends(isolation):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": bootstrap, "group.id": "unused", "isolation.level": isolation})
        try:
            return [
                consumer.get_watermark_offsets(
                    confluent_kafka.TopicPartition(topic, n), timeout=SECONDS)[1]
                for n in range(PARTITIONS)]
        finally:
            consumer.close()

    deadline = time.monotonic() + SECONDS
    while ends("read_committed") != ends("read_uncommitted"):
        assert time.monotonic() < deadline, "a transaction hangs"
        time.sleep(0.2)


def test_transactions_are_whole_over_kills(make_broker, topic):
    broker = make_broker(SETTINGS)
    create_topic(broker.bootstrap, topic, PARTITIONS)
    reader = Reader(broker.bootstrap, topic)
    writers = [Writer(broker.bootstrap, topic, f"w{n}", n) for n in range(4)]
    kill_and_restart(broker, KILLS, (0.3, 2.0), "transactions")
    time.sleep(1)
    for writer in writers:
        writer.finish()
    assert_nothing_hangs(broker.bootstrap, topic)
    final = read(broker.bootstrap, topic)
    seen = set(final)
    assert len(seen) == len(final), "an event is there twice"
    committed = undecided = aborted = 0
    for writer in writers:
        assert seen.isdisjoint(writer.gone), "something aborted is read"
        aborted += len(writer.gone)
        for values in writer.committed:
            assert seen.issuperset(values), f"lost of {values}"
            committed += 1
        for values in writer.undecided:
            assert seen.issuperset(values) or seen.isdisjoint(values), f"half of {values}"
            undecided += 1
        known = {value for values in writer.committed + writer.undecided for value in values}
        assert {value for value in seen if value.split(".")[0] == writer.name} <= known
    # What was read meanwhile is what is there, in the same order.
    for partition, values in reader.finish().items():
        assert len(set(values)) == len(values), "an event was read twice"
        assert seen.issuperset(values), "something was read that is not committed"
    assert committed >= 5 * KILLS
    print(f"{KILLS} kills: {committed} committed, {undecided} undecided, "
          f"{aborted} events aborted, {len(final)} read")


def test_events_are_moved_once_over_kills(make_broker, topic):
    """Consume, transform, produce, with the offsets in the transaction."""
    broker = make_broker(SETTINGS)
    source, target, count = topic[:90] + "-in", topic[:90] + "-out", 150 * KILLS
    for name in (source, target):
        create_topic(broker.bootstrap, name, PARTITIONS)
    feed = producer_of(broker.bootstrap, "feed")
    feed.begin_transaction()
    for number in range(count):
        feed.produce(source, str(number).encode(), partition=number % PARTITIONS)
    retry(lambda: feed.commit_transaction(SECONDS))
    stopping, failures, tally = threading.Event(), [], {"committed": 0, "given up": 0}

    def move():
        try:
            while not stopping.is_set():
                consumer = consumer_of(broker.bootstrap, "movers", source)
                try:
                    producer = producer_of(broker.bootstrap, "mover")
                    move_until_trouble(consumer, producer)
                except KafkaException:
                    tally["given up"] += 1
                finally:
                    consumer.close()
        except BaseException as error:
            failures.append(error)
            raise

    def move_until_trouble(consumer, producer):
        while not stopping.is_set():
            messages = [m for m in consumer.consume(10, timeout=0.3) if m.error() is None]
            if not messages:
                continue
            producer.begin_transaction()
            for message in messages:
                producer.produce(target, message.value(), partition=message.partition())
            retry(lambda: producer.send_offsets_to_transaction(
                consumer.position(consumer.assignment()), consumer.consumer_group_metadata(),
                SECONDS))
            retry(lambda: producer.commit_transaction(SECONDS))
            tally["committed"] += 1
            time.sleep(0.02)

    mover = threading.Thread(target=move, daemon=True)
    mover.start()
    kill_and_restart(broker, KILLS, (0.5, 2.5), "moving")
    deadline = time.monotonic() + 3 * SECONDS
    while len(read(broker.bootstrap, target)) < count and time.monotonic() < deadline:
        assert not failures, failures
        time.sleep(0.5)
    stopping.set()
    mover.join(2 * SECONDS)
    assert sorted(map(int, read(broker.bootstrap, target))) == list(range(count))
    assert_nothing_hangs(broker.bootstrap, target)
    print(f"{KILLS} kills: {count} events moved once, {tally}")
