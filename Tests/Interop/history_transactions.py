"""Transactional producers (librdkafka) that write a history: those that commit and abort, that are
fenced, that run out of time, that vanish, and that move records with their offsets."""
import logging
import random
import time

import confluent_kafka
from confluent_kafka import KafkaException, TopicPartition

from history import READ_COMMITTED, Assign, Poll, Process, Revoke, Transaction
from history_client import SECONDS, Client, padded, retry, value_of

# librdkafka writes fatal errors to standard error where it has no logger; being fenced is one.
SILENT = logging.Logger("librdkafka", logging.CRITICAL + 1)


def producer_of(bootstrap, name, timeout=20_000):
    """A producer that has its transactional id, however often the broker dies meanwhile."""
    producer = confluent_kafka.Producer({
        "bootstrap.servers": bootstrap, "transactional.id": name, "linger.ms": 1,
        "transaction.timeout.ms": timeout, "reconnect.backoff.max.ms": 200,
        "retry.backoff.ms": 20, "logger": SILENT,
        # Where its only broker is away, librdkafka 2.16 throws that broker's handle away to begin
        # anew, and send_offsets_to_transaction may wait for the old one for ever.
        "metadata.recovery.strategy": "none"})
    retry(lambda: producer.init_transactions(SECONDS))
    return producer


class Transactional(Client):
    """Begins transactions and knows how each ended. Subclasses say what happens in one."""

    # Milliseconds after which the broker ends a transaction.
    timeout = 20_000

    def __init__(self, world, name, topics, transactional_id=None):
        super().__init__(world, Process(name, isolation=READ_COMMITTED))
        self.places = world.places(*topics)
        self.transactional_id = transactional_id or name
        self.random = random.Random(world.chance.random())

    def work(self):
        producer = None
        while not self.stopping:
            if producer is None:
                producer = self.new_producer()
            if not self.transact(producer):
                producer = None

    def new_producer(self):
        return producer_of(self.world.bootstrap, self.transactional_id, self.timeout)

    def begin(self, producer):
        transaction = self.history.add(Transaction(self.process))
        try:
            producer.begin_transaction()
        except KafkaException:
            transaction.end("fail")
            raise
        return transaction

    def send(self, producer, transaction, place, source=None):
        send = self.history.send(self.process, place, self.value(), transaction, source)

        def done(error, message):
            if error is None:
                unknown = message.offset() == confluent_kafka.OFFSET_INVALID
                send.acknowledge(None if unknown else message.offset())

        producer.produce(place[0], padded(send.value), partition=place[1], on_delivery=done)

    def commit(self, producer, transaction):
        """False when the producer is of no use any more."""
        transaction.asks_commit()
        try:
            retry(lambda: producer.commit_transaction(SECONDS))
        except KafkaException as error:
            # Aborted for certain where the broker takes the abort: not of what it committed.
            usable = self.give_up(producer, transaction, error)
            transaction.end("fail" if usable else "info")
            return usable
        transaction.end("ok")
        return True

    def give_up(self, producer, transaction, error):
        """Aborts where the error asks for that; whether it did."""
        transaction.error = str(error)
        if not error.args[0].txn_requires_abort():
            return False
        try:
            retry(lambda: producer.abort_transaction(SECONDS))
            return True
        except KafkaException:
            return False

    def transact(self, producer):
        """One transaction; False when the producer is of no use any more."""
        try:
            transaction = self.begin(producer)
        except KafkaException:
            return False
        try:
            commits = self.fill(producer, transaction)
            if not commits:
                retry(lambda: producer.abort_transaction(SECONDS))
        except KafkaException as error:
            transaction.end("fail")
            return self.give_up(producer, transaction, error)
        if commits:
            return self.commit(producer, transaction)
        transaction.end("fail")
        return True


class Writer(Transactional):
    """Commits most transactions and aborts some, before or after their records are in the log."""

    def fill(self, producer, transaction):
        for _ in range(self.random.randint(1, 12)):
            self.send(producer, transaction, self.random.choice(self.places))
            if self.random.random() < 0.1:
                producer.poll(0.002)
        if self.random.random() < 0.7:
            return True
        producer.flush(self.random.random() * 0.05)
        return False


class Mixer(Writer):
    """Reads committed records of the places it writes to, within its transactions."""

    def work(self):
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.world.bootstrap, "group.id": "unused",
            "enable.auto.commit": False, "isolation.level": "read_committed",
            "auto.offset.reset": "error", "reconnect.backoff.max.ms": 200,
            "fetch.wait.max.ms": 20, "log_level": 0})
        self.history.add(Assign(self.process, dict.fromkeys(self.places, 0))).end("ok")
        self.consumer.assign([TopicPartition(*place, 0) for place in self.places])
        super().work()
        self.consumer.close()

    def fill(self, producer, transaction):
        poll = self.history.add(Poll(self.process, transaction))
        for message in self.consumer.consume(200, timeout=0.02):
            if message.error() is None:
                poll.records.append((
                    (message.topic(), message.partition()), message.offset(),
                    value_of(message.value())))
        poll.end("ok")
        return super().fill(producer, transaction)


class Rival(Writer):
    """Now and then takes the transactional id of another away, for a few transactions."""

    def work(self):
        while not self.stopping:
            time.sleep(self.random.uniform(0.3, 1.5))
            producer = self.new_producer()
            for _ in range(self.random.randint(0, 3)):
                if not self.transact(producer):
                    break


class Vanishing(Writer):
    """Leaves its transactions open, each under an id that never comes back."""

    timeout = 1000

    def new_producer(self):
        self.transactional_id = f"{self.process.name}-{self.number}"
        return super().new_producer()

    def transact(self, producer):
        transaction = self.begin(producer)
        try:
            self.fill(producer, transaction)
            producer.flush(1)
        except KafkaException:
            pass
        transaction.end("fail")
        time.sleep(self.random.uniform(0, 0.5))
        return False


class Late(Writer):
    """Asks for the commit about when the broker loses its patience."""

    timeout = 1000

    def fill(self, producer, transaction):
        super().fill(producer, transaction)
        producer.flush(1)
        time.sleep(self.random.uniform(0.7, 1.5))
        return True


class Mover(Transactional):
    """Moves records from one topic to another, each once: their offsets are in the transaction."""

    def __init__(self, world, name, source, target, group):
        super().__init__(world, name, [target])
        self.process.group, self.source = group, source

    def work(self):
        while not self.stopping:
            self.read, self.revoked, self.held = [], False, []
            consumer = confluent_kafka.Consumer({
                "bootstrap.servers": self.world.bootstrap, "group.id": self.process.group,
                "auto.offset.reset": "earliest", "enable.auto.commit": False,
                "isolation.level": "read_committed", "session.timeout.ms": 6000,
                "fetch.wait.max.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0})
            consumer.subscribe(
                [self.source], on_assign=self.assigned, on_revoke=self.gone, on_lost=self.gone)
            try:
                producer = self.new_producer()
                while not self.stopping:
                    self.move(consumer, producer)
            except KafkaException:
                pass  # begins anew, from what the group has committed
            finally:
                consumer.close()
                self.let_go()

    def assigned(self, consumer, partitions):
        places = {(one.topic, one.partition): None for one in partitions}
        self.held += places
        self.history.add(Assign(self.process, places)).end("ok")

    def gone(self, consumer, partitions):
        self.revoked = True
        self.let_go()

    def let_go(self):
        self.history.add(Revoke(self.process, self.held)).end("ok")
        self.held = []

    def move(self, consumer, producer):
        self.revoked = False
        poll = Poll(self.process)
        deadline = time.monotonic() + 0.2
        while len(poll.records) < 10 and time.monotonic() < deadline and not self.revoked:
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                poll.records.append((
                    (message.topic(), message.partition()), message.offset(),
                    value_of(message.value())))
        if self.revoked:
            # What it read before may be another's now. It is as if it had read nothing.
            raise KafkaException(confluent_kafka.KafkaError(confluent_kafka.KafkaError._STATE))
        if not poll.records:
            return
        self.history.add(poll).end("ok")
        poll.transaction = transaction = self.begin(producer)
        try:
            for place, _, value in poll.records:
                self.send(producer, transaction, (self.places[0][0], place[1]), source=value)
            offsets = {place: offset + 1 for place, offset, _ in poll.records}
            retry(lambda: producer.send_offsets_to_transaction(
                [TopicPartition(*place, offset) for place, offset in offsets.items()],
                consumer.consumer_group_metadata(), SECONDS))
        except KafkaException as error:
            transaction.end("fail")
            self.give_up(producer, transaction, error)
            raise
        if not self.commit(producer, transaction) or transaction.status != "ok":
            raise KafkaException(confluent_kafka.KafkaError(confluent_kafka.KafkaError._STATE))
