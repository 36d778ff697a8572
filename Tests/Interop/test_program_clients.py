"""Clients that are programs of their own: the Go ones (sarama, which Filebeat, Burrow and Telegraf
are built on, kafka-go and franz-go), and Debian's librdkafka and kafka-python, older than those
from PyPI."""
import time

import pytest

import go_clients
import programs
import test_transactional_clients
from clients import AioKafka, ConfluentKafka, create_topic
from events import Event, varied
from members import Member, share, wait_until

PARTITIONS = 4
COUNT = 400


CLIENTS = {client.name: client for client in [
    *go_clients.CLIENTS, *programs.DEBIANS]}
WITH_CODECS = [(name, codec) for name, client in CLIENTS.items() for codec in client.codecs]
# One of each program.
MEMBERS = [
    "sarama-0.11", "sarama-2.2", "sarama-1.43", "kafka-go", "franz-go", "librdkafka-debian",
    "kafka-python-debian", "kafkajs"]


@pytest.fixture
def client(request):
    client = CLIENTS[request.param]
    if client.missing:
        pytest.skip(client.missing)
    return client


def contents(events, client):
    """What must be the same: kafka-go makes no difference between nothing and null, and KafkaJS
    puts headers of one name together."""
    def ordered(headers):
        return sorted(headers, key=lambda header: header[0]) if client.name == "kafkajs" \
            else headers

    def content(value):
        return value or None if client.name.startswith("kafka-go") else value

    return [
        (content(event.key), content(event.value),
         [(name, content(value)) for name, value in ordered(event.headers)]) for event in events]


@pytest.mark.parametrize("client, codec", WITH_CODECS, indirect=["client"])
def test_what_one_writes_others_read_and_the_other_way(broker, topic, client, codec):
    theirs, ours = topic + "-theirs", topic + "-ours"
    create_topic(broker.bootstrap, theirs, 1)
    create_topic(broker.bootstrap, ours, 1)
    sent = client.write(broker.bootstrap, theirs, varied(100, f"{client.name} {codec}"), codec)
    assert [event.offset for event in sent] == list(range(100))
    for reader in (ConfluentKafka, AioKafka, client):
        read = reader.read(broker.bootstrap, theirs)
        assert [event.offset for event in read] == [event.offset for event in sent]
        assert [event.timestamp for event in read] == [event.timestamp for event in sent]
        assert contents(read, client) == contents(sent, client)
    sent = ConfluentKafka.write(
        broker.bootstrap, ours, varied(100, f"to {client.name} {codec}"), codec)
    read = client.read(broker.bootstrap, ours)
    assert contents(read, client) == contents(sent, client)
    assert [event.timestamp for event in read] == [event.timestamp for event in sent]
    assert [event.offset for event in read] == [event.offset for event in sent]


class Group:
    """Members of one group on a topic, ended with the test."""

    def __init__(self, broker, topic):
        self.broker, self.topic = broker, topic
        self.members = []
        self.written = 0
        create_topic(broker.bootstrap, topic, PARTITIONS)

    def join(self, client, assignor=None):
        member = Member(client, self.broker.bootstrap, self.topic, self.topic, assignor)
        self.members.append(member)
        return member

    def write(self, count):
        for partition in range(PARTITIONS):
            ConfluentKafka.write(
                self.broker.bootstrap, self.topic,
                [Event(b"%d" % (self.written + number)) for number in range(count)],
                partition=partition)
        self.written += count

    def read(self):
        return {(partition, offset) for member in self.members
                for partition, offset, _ in member.events}

    def wait_for_all(self):
        expected = {(p, o) for p in range(PARTITIONS) for o in range(self.written)}
        wait_until(lambda: self.read() >= expected, 30, self.members, "all events")
        assert self.read() == expected

    def wait_for_share(self, *members):
        wait_until(
            lambda: share(members, PARTITIONS), 30, self.members, "shared out among all")


@pytest.fixture
def group(broker, topic):
    group = Group(broker, topic)
    yield group
    for member in group.members:
        if member.process.poll() is None:
            member.kill()


@pytest.mark.parametrize("client", MEMBERS, indirect=True)
def test_members_share_a_topic_and_take_over_from_one_that_dies(group, client):
    group.write(50)
    first, second = group.join(client), group.join(client)
    group.wait_for_all()
    if client.name == "kafka-go":
        # Its Reader does not tell what it owns.
        deadline = time.monotonic() + 30
        while not (first.events and second.events) and time.monotonic() < deadline:
            group.write(1)
            time.sleep(0.3)
        assert first.events and second.events, f"{first.said()} {second.said()}"
    else:
        group.wait_for_share(first, second)
    group.write(50)
    group.wait_for_all()
    first.kill()
    group.write(50)
    group.wait_for_all()
    second.leave()
    assert second.lines[-1] == "closed", second.said()
    # Who comes later goes on where the others ended.
    group.members = [group.join(client)]
    group.write(10)
    last = group.members[0]
    wait_until(lambda: len(last.events) >= 10 * PARTITIONS, 30, [last], "the new events")
    assert min(offset for _, offset, _ in last.events) >= group.written - 10 - 50


@pytest.mark.parametrize(
    "client, assignor",
    [("sarama-2.2", "range"), ("sarama-1.43", "range"), ("franz-go", "cooperative-sticky")],
    indirect=["client"])
def test_a_group_of_go_and_of_librdkafka_members(group, client, assignor):
    # The first one leads: sarama as it is here cannot read what a newer member subscribes with.
    group.write(50)
    first = group.join("confluent-kafka", assignor)
    wait_until(lambda: share([first], PARTITIONS), 30, [first], "all for one")
    second = group.join(client)
    group.wait_for_share(first, second)
    group.write(50)
    group.wait_for_all()
    first.leave()
    wait_until(lambda: share([second], PARTITIONS), 30, [second], "all for the other")


@pytest.mark.parametrize(
    "client",
    ["sarama-2.2", "sarama-1.43", "kafka-go", "franz-go", "librdkafka-debian",
     "kafka-python-debian", "kafkajs"],
    indirect=True)
def test_admin_clients(broker, topic, client):
    report = client.report("admin", broker.bootstrap, topic, topic + "-group")
    if not client.name.endswith("debian"):
        assert report.pop("controller") == 1
    expected = {
        "sarama-2.2": {
            "brokers": 1, f"topic {topic}": "0 3", "topic nowhere": "3 0", "listed": 3,
            "config retention.ms": "120000", "group listed": True, "group state": "Empty",
            "committed 0": "7a note", "committed 1": "-1", "start": 4, "group deleted": 0,
            "there": False},
        "kafka-go": {
            "again": True, "brokers": 1, "cluster id": 22, "partitions": 3,
            f"unknown {topic}": False, "unknown nowhere": True, "config retention.ms": "120000",
            "high watermark": 2, "fetched": 1, "offsets": "0 2 1", "committed 0": "2a note",
            "committed 1": "-1", "group listed": True, "group state": "Empty", "rules": True,
            "quotas": 0},
        "franz-go": {
            "brokers": 1, "cluster id": 22, "again": True, "partitions": 3,
            "unknown nowhere": True, "topic id": True, "config retention.ms": "120000",
            "synonyms": 2, "lag": 3, "group state": "Empty", "note": "a note",
            "group listed": True, "offsets of groups": 1, "after 3500": 4, "low watermark": 4,
            "epoch's end": 10, "size": True, "moved": f"{topic}0 <nil>", "election": True,
            "moving": 0, "quotas": 1, "there": False},
        "librdkafka-debian": {
            "brokers": 1, "again": "TOPIC_ALREADY_EXISTS", "partitions": 3,
            "config retention.ms": "120000", "group listed": "Stable", "committed": 7,
            "after 3500": 4, "watermarks": [0, 10], "there": False},
        "kafka-python-debian": {
            "version": "2.0.2", "brokers": 1, "again": "TopicAlreadyExistsError",
            "partitions": 3, "config retention.ms": "120000", "committed": 7, "offsets": 7,
            "after 3500": 4, "group": ["Stable", 1], "group listed": True,
            "group deleted": "NoError", "there": False},
        "kafkajs": {
            "brokers": 1, "made": True, "again": False, "partitions": 3, "config": ["120000", 2],
            "later": "4", "committed": "7", "listed": True, "state": "Empty",
            "range": ["4", "10"], "deleted": 0, "there": False},
    }[client.name.replace("1.43", "2.2")]
    if "sarama" in client.name:
        assert "Topic with this name already exists" in report.pop("again")
    if client.name == "kafka-go":
        assert report.pop("apis") >= 50
        assert "Election Not Needed" in report.pop("election")
        # Its last offset was deleted, and the group went with it.
        assert "Group ID Not Found" in report.pop("group deleted")
    if client.name == "franz-go":
        report.pop("version")
    assert report == expected


@pytest.mark.parametrize("client", ["franz-go"], indirect=True)
def test_franz_go_writes_in_transactions(broker, topic, client):
    create_topic(broker.bootstrap, topic, 1)
    report = client.report("transaction", broker.bootstrap, topic, topic)
    assert report == {
        "state": "CompleteCommit", "ongoing": True, "producers": 1, "fenced": True,
        "values": ["true 0", "true 1", "true 2", "true 0", "true 1", "true 2", "second"],
        "marker": "<nil>", "stable": True}


@pytest.mark.parametrize("client", ["franz-go"], indirect=True)
def test_franz_go_copies_a_topic_exactly_once(broker, topic, client):
    source, copy = topic + "-from", topic + "-to"
    create_topic(broker.bootstrap, source, 1)
    create_topic(broker.bootstrap, copy, 1)
    ConfluentKafka.write(
        broker.bootstrap, source, [Event(b"%d" % number, b"k") for number in range(COUNT)])
    report = client.report("copy", broker.bootstrap, topic, source, copy)
    assert report["copied"] == COUNT
    assert report["turns"] > COUNT / 100
    read = client.read(broker.bootstrap, copy)
    assert [event.value for event in read] == [b"%d" % number for number in range(COUNT)]


@pytest.mark.parametrize("client", ["librdkafka-debian"], indirect=True)
def test_older_librdkafka_writes_in_transactions(broker, topic, client):
    source, copy = topic + "-from", topic + "-to"
    create_topic(broker.bootstrap, source, 1)
    create_topic(broker.bootstrap, copy, 1)
    ConfluentKafka.write(
        broker.bootstrap, source, [Event(b"%d" % number, b"k") for number in range(COUNT)])
    report = client.report("copy", broker.bootstrap, topic, source, copy)
    assert report["copied"] == COUNT and report["aborted"] > 0
    assert report["fenced"] is True
    read = client.read(broker.bootstrap, copy)
    assert [event.value for event in read] == [b"%d" % number for number in range(COUNT)]


@pytest.mark.parametrize("client", ["sarama-1.43"], indirect=True)
def test_sarama_writes_in_transactions(broker, topic, client):
    create_topic(broker.bootstrap, topic, test_transactional_clients.PARTITIONS)
    report = client.report("transaction", broker.bootstrap, topic, topic)
    assert report == {"offset": 5, "fenced": True}
    values = test_transactional_clients.read(broker.bootstrap, topic)
    assert values == ["committed", "second"]


@pytest.mark.parametrize("client", ["kafkajs"], indirect=True)
def test_kafkajs_writes_in_transactions(broker, topic, client):
    create_topic(broker.bootstrap, topic, 1)
    assert client.report("transaction", broker.bootstrap, topic, topic) == {"offset": "5"}
    assert [event.value for event in client.read(broker.bootstrap, topic)] == [b"committed"]


@pytest.mark.parametrize("client", ["kafka-go"], indirect=True)
def test_kafka_go_commits_offsets_in_transactions(broker, topic, client):
    from confluent_kafka import Consumer, TopicPartition
    create_topic(broker.bootstrap, topic, 1)
    report = client.report("transaction", broker.bootstrap, topic, topic, topic)
    assert report == {"epoch": 0}
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic})
    place, = consumer.committed([TopicPartition(topic, 0)], timeout=10)
    consumer.close()
    # The offset of the committed transaction, not that of the aborted one.
    assert place.offset == 5
