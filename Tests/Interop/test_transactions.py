"""Readers of committed records, against a log with transactions written by hand: among each other,
across fetches, open at the end."""
import struct
import time

import confluent_kafka
import kafka
import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

from clients import create_topic

SECONDS = 20


class Segment:
    """A segment file's bytes: Kafka's own encoder for data, the markers by hand."""

    def __init__(self):
        self.data, self.offset, self.sequences = bytearray(), 0, {}
        self.time = int(time.time() * 1000)

    def _add(self, batch, count):
        batch = bytearray(batch)
        struct.pack_into(">q", batch, 0, self.offset)
        struct.pack_into(">i", batch, 12, 0)
        self.data += batch
        self.offset += count

    def write(self, values, producer=-1):
        transactional = producer >= 0
        sequence = self.sequences.get(producer, 0) if transactional else -1
        builder = DefaultRecordBatchBuilder(
            2, 0, transactional, producer, 0 if transactional else -1, sequence, 1 << 20)
        for index, value in enumerate(values):
            builder.append(index, self.time, None, value.encode(), [])
        self.sequences[producer] = sequence + len(values)
        self._add(builder.build(), len(values))

    def end(self, producer, commit):
        record = (b"\x00\x00\x00" + b"\x08" + struct.pack(">hh", 0, 1 if commit else 0)
                  + b"\x0c" + struct.pack(">hi", 0, 0) + b"\x00")
        body = struct.pack(
            ">hiqqqhii", 0x30, 0, self.time, self.time, producer, 0, -1, 1
        ) + bytes([len(record) * 2]) + record
        head = struct.pack(">qiib", 0, len(body) + 9, 0, 2)
        self._add(head + struct.pack(">I", calc_crc32c(body)) + body, 1)


def hand_written(broker, topic):
    """Two producers' transactions among each other; returns what is committed, and where the open
    one begins."""
    create_topic(broker.bootstrap, topic, 1)
    broker.stop()
    segment, committed = Segment(), []
    segment.write(["plain"])
    committed.append("plain")
    for number in range(40):
        first, second = f"a{number}", f"b{number}"
        segment.write([first, first + "+"], producer=7)
        segment.write([second], producer=8)
        # Whoever commits comes into the list where it wrote.
        committed += [first, first + "+"] if number % 3 == 0 else [second]
        segment.end(8, number % 3 != 0)
        segment.end(7, number % 3 == 0)
    end = segment.offset
    segment.write(["open"], producer=9)
    segment.write(["behind"])
    place = broker.directory / "data" / "topics" / topic / "0"
    (place / f"{0:020}.log").write_bytes(segment.data)
    broker.start()
    return committed, end


def confluent(bootstrap, topic, count, **settings):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "g", "auto.offset.reset": "earliest",
        "isolation.level": "read_committed", "enable.auto.commit": False, **settings})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    values, deadline = [], time.monotonic() + SECONDS
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None:
            assert message.error() is None, message.error()
            values.append(message.value().decode())
    # Nothing more comes.
    extra = consumer.poll(1.0)
    assert extra is None, extra.value()
    high = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), timeout=5)
    consumer.close()
    return values, high[1]


def kafka_python(bootstrap, topic, count, **settings):
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", check_crcs=True,
        isolation_level="read_committed", consumer_timeout_ms=1500, **settings)
    place = kafka.TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek(place, 0)
    values = [message.value.decode() for message in consumer]
    end = consumer.end_offsets([place])[place]
    consumer.close()
    return values, end


@pytest.mark.parametrize("size", [None, 300])
@pytest.mark.parametrize("read", [confluent, kafka_python])
def test_readers_of_committed_records_see_those_only(make_broker, topic, read, size):
    broker = make_broker()
    committed, end = hand_written(broker, topic)
    settings = {}
    if size is not None:
        # Many fetches, which begin in the middle of transactions.
        settings = ({"fetch.message.max.bytes": size} if read is confluent
                    else {"max_partition_fetch_bytes": size})
    values, last = read(broker.bootstrap, topic, len(committed), **settings)
    assert values == committed
    assert last == end, "the end of committed records is where the open transaction begins"


def test_readers_of_all_records_see_all(make_broker, topic):
    broker = make_broker()
    committed, end = hand_written(broker, topic)
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest",
        consumer_timeout_ms=1500)
    place = kafka.TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek(place, 0)
    values = [message.value.decode() for message in consumer]
    assert values[-2:] == ["open", "behind"] and len(values) == 1 + 40 * 3 + 2
    assert consumer.end_offsets([place])[place] == end + 2
    consumer.close()


def test_aborted_records_stay_hidden_over_restarts(make_broker, topic):
    broker = make_broker()
    committed, _ = hand_written(broker, topic)
    for how in ("stopped", "killed", "stopped without indexes"):
        if how == "killed":
            broker.kill()
        else:
            broker.stop()
        if how == "stopped without indexes":
            for index in (broker.directory / "data").rglob("*index"):
                index.unlink()
        broker.start()
        assert kafka_python(broker.bootstrap, topic, len(committed))[0] == committed, how


def test_delete_records_cuts_exactly_there(make_broker, topic):
    """Also in the middle of a batch, durably, and for readers that stand before it."""
    broker = make_broker({"log.segment.bytes": "2000"})
    create_topic(broker.bootstrap, topic, 1)
    producer = kafka.KafkaProducer(
        bootstrap_servers=broker.bootstrap, linger_ms=200, batch_size=1 << 16)
    base = int(time.time() * 1000) - 100_000
    for number in range(100):
        # Times go up and down, the newest is number 5.
        stamp = base + (90_000 if number == 5 else (number * 37) % 100 * 100)
        producer.send(topic, b"%03d" % number + b"x" * 40, partition=0, timestamp_ms=stamp)
        if number % 10 == 9:
            producer.flush()
    producer.flush()
    producer.close()
    place = kafka.TopicPartition(topic, 0)

    def values():
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest",
            consumer_timeout_ms=1000)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        found = [int(message.value[:3]) for message in consumer]
        late = consumer.offsets_for_times({place: base + 9_000})[place]
        start = consumer.beginning_offsets([place])[place]
        consumer.close()
        return found, start, late

    admin = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.delete_records({place: 33})
    admin.close()
    for how in ("at once", "killed", "stopped"):
        if how == "killed":
            broker.kill()
            broker.start()
        if how == "stopped":
            broker.restart()
        found, start, late = values()
        assert start == 33 and found == list(range(33, 100)), how
        expected = next(n for n in range(33, 100) if (n * 37) % 100 * 100 >= 9_000)
        assert late.offset == expected, how
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=broker.bootstrap, auto_offset_reset="none", consumer_timeout_ms=2000)
    consumer.assign([place])
    consumer.seek(place, 32)
    with pytest.raises(kafka.errors.OffsetOutOfRangeError):
        next(consumer)
    consumer.close()
