"""Consumers that write a history, with partitions of their own choice or as members of a group,
and what is read and asked when all is over."""
import asyncio
import time

import aiokafka
import confluent_kafka
import kafka
from confluent_kafka import KafkaError, TopicPartition

from history import Assign, Ends, Poll, Process, Revoke
from history_client import SECONDS, Client, value_of


def record_of(message):
    return ((message.topic(), message.partition()), message.offset(), value_of(message.value()))


def check_error(message, process):
    """Errors of a broker that is away pass; that an offset is out of range does not (I3)."""
    if message.error().code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise RuntimeError(f"{process.name}: {message.error()}")


class AssignedConsumer(Client):
    """librdkafka, from the start of all places."""

    def __init__(self, world, name, topics, isolation):
        super().__init__(world, Process(name, isolation=isolation))
        self.places = world.places(*topics)

    def work(self):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.world.bootstrap, "group.id": "unused",
            "enable.auto.commit": False, "isolation.level": self.process.isolation,
            "auto.offset.reset": "error", "check.crcs": True, "reconnect.backoff.max.ms": 200,
            "fetch.wait.max.ms": 50, "log_level": 0})
        self.history.add(Assign(self.process, dict.fromkeys(self.places, 0))).end("ok")
        consumer.assign([TopicPartition(*place, 0) for place in self.places])
        while not self.stopping:
            poll = self.history.add(Poll(self.process))
            for message in consumer.consume(500, timeout=0.1):
                if message.error() is None:
                    poll.records.append(record_of(message))
                else:
                    check_error(message, self.process)
            poll.end("ok")
        consumer.close()


class KafkaPythonConsumer(AssignedConsumer):
    """kafka-python, from the start of all places."""

    def work(self):
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=self.world.bootstrap, enable_auto_commit=False,
            auto_offset_reset="none", isolation_level=self.process.isolation,
            reconnect_backoff_max_ms=200, fetch_max_wait_ms=50)
        partitions = [kafka.TopicPartition(*place) for place in self.places]
        self.history.add(Assign(self.process, dict.fromkeys(self.places, 0))).end("ok")
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        while not self.stopping:
            poll = self.history.add(Poll(self.process))
            for messages in consumer.poll(timeout_ms=100).values():
                poll.records += [
                    ((m.topic, m.partition), m.offset, value_of(m.value)) for m in messages]
            poll.end("ok")
        consumer.close()


class AioKafkaConsumer(AssignedConsumer):
    """aiokafka, from the start of all places."""

    def work(self):
        asyncio.run(self.work_in_loop())

    async def work_in_loop(self):
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self.world.bootstrap, enable_auto_commit=False,
            auto_offset_reset="none", isolation_level=self.process.isolation,
            fetch_max_wait_ms=50, retry_backoff_ms=50)
        await consumer.start()
        partitions = [aiokafka.TopicPartition(*place) for place in self.places]
        self.history.add(Assign(self.process, dict.fromkeys(self.places, 0))).end("ok")
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        while not self.stopping:
            poll = self.history.add(Poll(self.process))
            for messages in (await consumer.getmany(timeout_ms=100)).values():
                poll.records += [
                    ((m.topic, m.partition), m.offset, value_of(m.value)) for m in messages]
            poll.end("ok")
        await consumer.stop()


class Member(Client):
    """librdkafka in a group of either protocol; its offsets are committed behind its back."""

    def __init__(self, world, name, topics, isolation, group, protocol):
        super().__init__(world, Process(name, isolation=isolation, group=group))
        self.topics, self.protocol = topics, protocol
        self.held = set()

    def work(self):
        classic = {"session.timeout.ms": 6000} if self.protocol == "classic" else {}
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.world.bootstrap, "group.id": self.process.group,
            "group.protocol": self.protocol, "auto.offset.reset": "earliest",
            "isolation.level": self.process.isolation, "auto.commit.interval.ms": 200,
            "reconnect.backoff.max.ms": 200, "fetch.wait.max.ms": 50, "log_level": 0, **classic})
        self.poll = None
        consumer.subscribe(
            self.topics, on_assign=self.assigned, on_revoke=self.gone, on_lost=self.gone)
        while not self.stopping:
            self.begin()
            deadline = time.monotonic() + 0.1
            while time.monotonic() < deadline and len(self.poll.records) < 200:
                message = consumer.poll(0.05)
                if message is not None and message.error() is None:
                    self.poll.records.append(record_of(message))
            self.poll.end("ok")
        consumer.close()

    def begin(self):
        self.poll = self.history.add(Poll(self.process))

    # librdkafka calls these within poll: what was read before is of the assignment before.

    def assigned(self, consumer, partitions):
        self.poll.end("ok")
        places = {(one.topic, one.partition): None for one in partitions}
        self.held.update(places)
        self.history.add(Assign(self.process, places)).end("ok")
        self.begin()

    def gone(self, consumer, partitions):
        self.poll.end("ok")
        self.history.add(Revoke(
            self.process, [(one.topic, one.partition) for one in partitions])).end("ok")
        self.begin()


def read_to_the_end(world, places, isolation):
    """The final reader of all places."""
    process = Process(f"final-{isolation}", isolation=isolation, final=True)
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": world.bootstrap, "group.id": "unused", "enable.auto.commit": False,
        "isolation.level": isolation, "enable.partition.eof": True, "check.crcs": True,
        "auto.offset.reset": "error", "fetch.wait.max.ms": 50, "log_level": 0})
    world.history.add(Assign(process, dict.fromkeys(places, 0))).end("ok")
    consumer.assign([TopicPartition(*place, 0) for place in places])
    ended, deadline = set(), time.monotonic() + SECONDS
    while len(ended) < len(places):
        assert time.monotonic() < deadline, f"{isolation}: ends of {ended} after {SECONDS} s"
        poll = world.history.add(Poll(process))
        for message in consumer.consume(1000, timeout=0.2):
            if message.error() is None:
                poll.records.append(record_of(message))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                ended.add((message.topic(), message.partition()))
            else:
                check_error(message, process)
        poll.end("ok")
    consumer.close()


def ask_ends(world, places, seconds=SECONDS):
    """The ends of each place for both isolations, asked until they are one or the time is over."""
    process = Process("ends")
    consumers = [
        confluent_kafka.Consumer({
            "bootstrap.servers": world.bootstrap, "group.id": "unused", "isolation.level": level})
        for level in ("read_committed", "read_uncommitted")]
    deadline = time.monotonic() + seconds
    while True:
        ends = world.history.add(Ends(process, {}))
        for place in places:
            ends.marks[place] = tuple(
                consumer.get_watermark_offsets(TopicPartition(*place), timeout=SECONDS)[1]
                for consumer in consumers)
        ends.end("ok")
        if all(stable == end for stable, end in ends.marks.values()):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    for consumer in consumers:
        consumer.close()
