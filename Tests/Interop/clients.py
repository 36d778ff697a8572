"""The clients under test behind two verbs: write events to a partition, read a partition.

`write` returns the events with the offsets, and where the client tells it the timestamps, that
the broker acknowledged. `read` returns everything from the partition's start to its end.
"""
import asyncio
import subprocess
import time

import aiokafka
import confluent_kafka
import kafka

from events import Event

SECONDS = 30
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Kcat:
    """kcat takes one key and value a line, and the same headers for all."""

    name = "kcat"
    headers = [("source", b"kcat"), ("kind", b"test")]

    @staticmethod
    def run(arguments, **options):
        result = subprocess.run(
            ["kcat", *arguments], capture_output=True, timeout=SECONDS, **options)
        assert result.returncode == 0, result.stderr.decode(errors="replace")
        return result

    @classmethod
    def write(cls, bootstrap, topic, events, codec="none", partition=0):
        lines = b"\n".join(event.key + b"|" + event.value for event in events) + b"\n"
        arguments = ["-b", bootstrap, "-P", "-t", topic, "-p", str(partition), "-K", "|"]
        if codec != "none":
            arguments += ["-z", codec]
        for name, value in cls.headers:
            arguments += ["-H", f"{name}={value.decode()}"]
        cls.run(arguments, input=lines)
        for event in events:
            event.headers = list(cls.headers)
        return events

    # Lengths first, so that keys and values may hold anything.
    FORMAT = r"%p %o %T %K %S\n%k%s\n%h\n"

    @classmethod
    def read(cls, bootstrap, topic, partition=0):
        result = cls.run([
            "-b", bootstrap, "-C", "-q", "-e", "-t", topic, "-p", str(partition),
            "-o", "beginning", "-X", "check.crcs=true", "-f", cls.FORMAT])
        return cls.parse(result.stdout)

    @classmethod
    def parse(cls, output):
        events, at = [], 0
        while at < len(output):
            end = output.index(b"\n", at)
            found, offset, timestamp, key_size, value_size = map(int, output[at:end].split())
            at = end + 1
            key = output[at:at + key_size] if key_size >= 0 else None
            at += max(key_size, 0)
            value = output[at:at + value_size] if value_size >= 0 else None
            at += max(value_size, 0) + 1
            end = output.index(b"\n", at)
            headers = []
            for header in filter(None, output[at:end].split(b",")):
                name, _, content = header.partition(b"=")
                headers.append((name.decode(), content))
            at = end + 1
            events.append(Event(value, key, headers, timestamp, found, offset))
        return events


class KafkaPython:
    name = "kafka-python"

    @staticmethod
    def write(bootstrap, topic, events, codec="none", partition=0):
        producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap, linger_ms=5, max_request_size=8 << 20,
            compression_type=None if codec == "none" else codec)
        try:
            futures = [
                producer.send(
                    topic, key=event.key, value=event.value, headers=event.headers,
                    partition=partition, timestamp_ms=event.timestamp)
                for event in events]
            for event, future in zip(events, futures):
                acknowledged = future.get(timeout=SECONDS)
                event.offset, event.partition = acknowledged.offset, acknowledged.partition
        finally:
            producer.close()
        return events

    @staticmethod
    def read(bootstrap, topic, partition=0):
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, check_crcs=True,
            fetch_max_wait_ms=100)
        place = kafka.TopicPartition(topic, partition)
        events, deadline = [], time.monotonic() + SECONDS
        try:
            consumer.assign([place])
            consumer.seek_to_beginning(place)
            end = consumer.end_offsets([place])[place]
            while consumer.position(place) < end:
                assert time.monotonic() < deadline, f"{consumer.position(place)} of {end}"
                for records in consumer.poll(timeout_ms=200).values():
                    events += [
                        Event(r.value, r.key, list(r.headers), r.timestamp, r.partition, r.offset)
                        for r in records]
        finally:
            consumer.close()
        return events


class ConfluentKafka:
    name = "confluent-kafka"

    @staticmethod
    def write(bootstrap, topic, events, codec="none", partition=0, **settings):
        producer = confluent_kafka.Producer({
            "bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 5,
            "message.max.bytes": 8 << 20, **settings})

        def done_with(event):
            def done(error, message):
                assert error is None, error
                event.offset, event.partition = message.offset(), message.partition()
            return done

        for event in events:
            given = {} if event.timestamp is None else {"timestamp": event.timestamp}
            producer.produce(
                topic, key=event.key, value=event.value, headers=event.headers,
                partition=partition, on_delivery=done_with(event), **given)
            producer.poll(0)
        assert producer.flush(SECONDS) == 0
        return events

    @staticmethod
    def read(bootstrap, topic, partition=0):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
            "check.crcs": True, "fetch.wait.max.ms": 100})
        place = confluent_kafka.TopicPartition(topic, partition, 0)
        events, deadline = [], time.monotonic() + SECONDS
        try:
            start, end = consumer.get_watermark_offsets(place, timeout=SECONDS)
            place.offset = start
            consumer.assign([place])
            while (events[-1].offset + 1 if events else start) < end:
                assert time.monotonic() < deadline, f"{len(events)} events, end {end}"
                for message in consumer.consume(1000, timeout=0.2):
                    assert message.error() is None, message.error()
                    events.append(Event(
                        message.value(), message.key(), message.headers() or [],
                        message.timestamp()[1], message.partition(), message.offset()))
        finally:
            consumer.close()
        return events


class AioKafka:
    name = "aiokafka"

    @staticmethod
    def write(bootstrap, topic, events, codec="none", partition=0, **settings):
        async def work():
            producer = aiokafka.AIOKafkaProducer(
                bootstrap_servers=bootstrap, linger_ms=5, max_request_size=8 << 20,
                compression_type=None if codec == "none" else codec, **settings)
            await producer.start()
            try:
                futures = [
                    await producer.send(
                        topic, event.value, key=event.key, headers=event.headers,
                        partition=partition, timestamp_ms=event.timestamp)
                    for event in events]
                for event, future in zip(events, futures):
                    acknowledged = await future
                    event.offset, event.partition = acknowledged.offset, acknowledged.partition
            finally:
                await producer.stop()

        asyncio.run(asyncio.wait_for(work(), SECONDS))
        return events

    @staticmethod
    def read(bootstrap, topic, partition=0):
        async def work():
            consumer = aiokafka.AIOKafkaConsumer(
                bootstrap_servers=bootstrap, enable_auto_commit=False, check_crcs=True,
                fetch_max_wait_ms=100)
            await consumer.start()
            place = aiokafka.TopicPartition(topic, partition)
            events = []
            try:
                consumer.assign([place])
                await consumer.seek_to_beginning(place)
                end = (await consumer.end_offsets([place]))[place]
                while await consumer.position(place) < end:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        events.extend(
                            Event(
                                r.value, r.key, list(r.headers), r.timestamp, r.partition,
                                r.offset)
                            for r in records)
            finally:
                await consumer.stop()
            return events

        return asyncio.run(asyncio.wait_for(work(), SECONDS))


CLIENTS = {client.name: client for client in (Kcat, KafkaPython, ConfluentKafka, AioKafka)}


def create_topic(bootstrap, topic, partitions, configuration=None):
    """Creates a topic with confluent-kafka's admin client, and waits until it is there."""
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 5})
    created = admin.create_topics(
        [NewTopic(topic, partitions, 1, config=configuration or {})], request_timeout=SECONDS)
    created[topic].result(SECONDS)
