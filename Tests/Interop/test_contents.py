"""What one client writes every client reads: contents, keys, headers, timestamps, offsets."""
import struct
import subprocess
import time

import pytest

from clients import CLIENTS, CODECS, ConfluentKafka, KafkaPython, create_topic
from events import Event, varied


def events_for(writer, seed):
    # kcat takes lines, sets no timestamps and the same headers on all.
    return varied(150, seed, timestamps=writer != "kcat", printable=writer == "kcat")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("writer", CLIENTS)
def test_every_client_reads_what_one_wrote(broker, topic, writer, codec):
    create_topic(broker.bootstrap, topic, 1)
    began = int(time.time() * 1000) - 1
    sent = CLIENTS[writer].write(
        broker.bootstrap, topic, events_for(writer, f"{writer} {codec}"), codec)
    ended = int(time.time() * 1000) + 1
    timestamps = None
    for reader, client in CLIENTS.items():
        read = client.read(broker.bootstrap, topic)
        assert [event.offset for event in read] == list(range(len(sent))), reader
        if writer != "kcat":
            assert [event.offset for event in sent] == [event.offset for event in read]
            assert [e.timestamp for e in read] == [e.timestamp for e in sent], reader
        for given, found in zip(sent, read):
            if reader == "kcat":
                # kcat prints headers as one line of text; it cannot show all of them apart.
                given, found = Event(given.value, given.key), Event(found.value, found.key)
            assert found.content() == given.content(), f"{reader}, offset {found.offset}"
        if timestamps is None:
            timestamps = [event.timestamp for event in read]
        assert [event.timestamp for event in read] == timestamps, reader
        if writer == "kcat":
            assert all(began <= timestamp <= ended for timestamp in timestamps), reader


def stored_codecs(broker, topic):
    """The codecs of the batches in a topic's segments, by their attribute bits."""
    codecs = []
    for segment in sorted((broker.directory / "data/topics" / topic / "0").glob("*.log")):
        content, at = segment.read_bytes(), 0
        while at < len(content):
            length, = struct.unpack(">i", content[at + 8:at + 12])
            if length == 0:
                break  # zeros, written ahead of the next batch
            codecs.append(CODECS[content[at + 22] & 7])
            at += 12 + length
    return codecs


@pytest.mark.parametrize("codec", CODECS[1:])
@pytest.mark.parametrize("writer", CLIENTS)
def test_clients_compress_because_the_broker_says_it_may(broker, topic, writer, codec):
    """librdkafka before 2.11.1 sends plain batches to a broker that does not offer Produce 0."""
    create_topic(broker.bootstrap, topic, 1)
    CLIENTS[writer].write(broker.bootstrap, topic, [Event(b"again " * 1_000, b"k")], codec)
    assert set(stored_codecs(broker, topic)) == {codec}


def test_kcat_prints_the_headers_that_other_clients_wrote(broker, topic):
    create_topic(broker.bootstrap, topic, 1)
    given = [("a", b"1"), ("b", b"two")]
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"v", b"k", given)])
    assert CLIENTS["kcat"].read(broker.bootstrap, topic)[0].headers == given


@pytest.mark.parametrize("writer", CLIENTS)
def test_first_use_creates_a_topic(broker, topic, writer):
    sent = CLIENTS[writer].write(broker.bootstrap, topic, [Event(b"value", b"key")])
    read = KafkaPython.read(broker.bootstrap, topic)
    assert [event.content() for event in read] == [event.content() for event in sent]


@pytest.mark.parametrize("reader", CLIENTS)
def test_one_topic_holds_batches_of_every_client_and_codec(broker, topic, reader):
    create_topic(broker.bootstrap, topic, 1)
    expected = []
    for writer, client in CLIENTS.items():
        for codec in CODECS:
            value = f"{writer} {codec} ".encode() * 50
            client.write(broker.bootstrap, topic, [Event(value, b"k")], codec)
            expected.append(value)
    read = CLIENTS[reader].read(broker.bootstrap, topic)
    assert [event.value for event in read] == expected
    assert [event.offset for event in read] == list(range(len(expected)))


def test_reading_may_start_at_any_offset_inside_a_batch(broker, topic):
    create_topic(broker.bootstrap, topic, 1)
    ConfluentKafka.write(
        broker.bootstrap, topic, [Event(b"%d" % n, b"k") for n in range(50)], "lz4")
    for offset in (0, 1, 25, 49):
        result = subprocess.run(
            ["kcat", "-b", broker.bootstrap, "-C", "-q", "-e", "-t", topic, "-p", "0",
             "-o", str(offset), "-f", r"%o=%s\n"],
            capture_output=True, timeout=20, check=True)
        expected = [f"{n}={n}" for n in range(offset, 50)]
        assert result.stdout.decode().split() == expected


def test_offsets_are_found_by_time(broker, topic):
    create_topic(broker.bootstrap, topic, 1)
    base = int(time.time() * 1000) - 1_000_000
    KafkaPython.write(
        broker.bootstrap, topic,
        [Event(b"%d" % n, timestamp=base + n * 1000) for n in range(100)])
    for wanted, expected in ((base, 0), (base + 1, 1), (base + 50_000, 50), (base + 98_500, 99)):
        result = subprocess.run(
            ["kcat", "-b", broker.bootstrap, "-Q", "-t", f"{topic}:0:{wanted}"],
            capture_output=True, timeout=20, check=True)
        assert result.stdout.decode().split()[-1] == str(expected)


def test_a_long_poll_returns_as_soon_as_an_event_comes(broker, topic):
    """A reader that waits gets a new event at once, not when its wait is over."""
    create_topic(broker.bootstrap, topic, 1)
    process = subprocess.Popen(
        ["kcat", "-b", broker.bootstrap, "-C", "-q", "-u", "-t", topic, "-p", "0",
         "-o", "beginning", "-c", "1", "-X", "fetch.wait.max.ms=20000",
         "-X", "socket.timeout.ms=30000"],
        stdout=subprocess.PIPE)
    try:
        time.sleep(1.5)
        ConfluentKafka.write(broker.bootstrap, topic, [Event(b"now")])
        began = time.monotonic()
        assert process.stdout.readline() == b"now\n"
        assert time.monotonic() - began < 2
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("acks", [0, 1, -1])
def test_every_acks_setting_delivers(broker, topic, acks):
    create_topic(broker.bootstrap, topic, 1)
    ConfluentKafka.write(
        broker.bootstrap, topic, [Event(b"%d" % n) for n in range(100)], acks=acks)
    deadline = time.monotonic() + 10
    read = []
    while len(read) < 100 and time.monotonic() < deadline:
        read = KafkaPython.read(broker.bootstrap, topic)
    assert [event.value for event in read] == [b"%d" % n for n in range(100)]


def test_contents_survive_a_restart(make_broker, topic):
    broker = make_broker()
    create_topic(broker.bootstrap, topic, 1)
    sent = KafkaPython.write(broker.bootstrap, topic, varied(200, "restart"), "gzip")
    broker.restart()
    read = ConfluentKafka.read(broker.bootstrap, topic)
    assert [e.content() for e in read] == [e.content() for e in sent]
    assert [e.offset for e in read] == [e.offset for e in sent]
    assert [e.timestamp for e in read] == [e.timestamp for e in sent]
