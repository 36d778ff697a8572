"""Groups of three members over six partitions, with each client: members leave and die, and
nothing is lost."""
import threading
import time

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient

from clients import create_topic
from members import Member, share, wait_until

PARTITIONS = 6
SECONDS = 25


class Feed:
    """Writes numbered events round over the partitions until it is stopped, and keeps what was
    acknowledged: {(partition, offset): value}."""

    def __init__(self, bootstrap, topic):
        self.acknowledged = {}
        self.errors = []
        self.stopping = False
        self.paused = self.idle = False
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": bootstrap, "linger.ms": 5, "enable.idempotence": True})
        self.thread = threading.Thread(target=self.run, args=(topic,), daemon=True)
        self.thread.start()

    def run(self, topic):
        number = 0
        while not self.stopping:
            if self.paused:
                self.idle = self.producer.flush(5) == 0
                time.sleep(0.01)
                continue
            self.producer.produce(
                topic, value=b"%d" % number, partition=number % PARTITIONS, on_delivery=self.done)
            number += 1
            self.producer.poll(0)
            time.sleep(0.002)

    def done(self, error, message):
        if error is not None:
            self.errors.append(str(error))
        else:
            place = message.partition(), message.offset()
            self.acknowledged[place] = message.value().decode()

    def stop(self):
        self.stopping = True
        self.thread.join(10)
        assert self.producer.flush(20) == 0
        assert not self.errors, self.errors[:3]
        return self.acknowledged


def seen(members):
    return {(p, o): value for member in members for p, o, value in list(member.events)}


def group_offsets(bootstrap, group, topic):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    request = confluent_kafka.ConsumerGroupTopicPartitions(group)
    found = admin.list_consumer_group_offsets([request])[group].result(10)
    return {
        place.partition: place.offset for place in found.topic_partitions if place.topic == topic}


@pytest.mark.parametrize(
    "client, assignor",
    [("kcat", None), ("kafka-python", None), ("confluent-kafka", None), ("aiokafka", None),
     ("confluent-kafka", "cooperative-sticky")])
def test_a_group_goes_on_when_members_leave_and_die(broker, topic, client, assignor):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    feed = Feed(broker.bootstrap, topic)
    group = "group-" + topic
    members = []
    try:
        for _ in range(3):
            members.append(Member(client, broker.bootstrap, group, topic, assignor))
        wait_until(
            lambda: share(members, PARTITIONS), SECONDS, members, "three members share all")
        sizes = [len(member.assigned) for member in members]
        assert max(sizes) - min(sizes) <= 1
        wait_until(lambda: all(m.events for m in members), 10, members, "all get events")

        if client == "kcat":
            # A message that kcat 1.7.1 has in hand when it is told to stop is committed and not
            # printed. So there must be none.
            feed.paused = True
            wait_until(
                lambda: feed.idle and seen(members).keys() >= feed.acknowledged.keys(), 10, members,
                "nothing is under way")
        members[0].leave()
        feed.paused = False
        staying = members[1:]
        wait_until(lambda: share(staying, PARTITIONS), SECONDS, members, "two share all")

        members.append(Member(client, broker.bootstrap, group, topic, assignor))
        staying.append(members[-1])
        wait_until(
            lambda: share(staying, PARTITIONS), SECONDS, members, "a newcomer gets its share")

        staying.pop(0).kill()
        wait_until(
            lambda: share(staying, PARTITIONS), SECONDS, members, "two share the dead one's")

        acknowledged = feed.stop()
        assert len(acknowledged) > 100

        wait_until(
            lambda: seen(members).keys() >= acknowledged.keys(), SECONDS, members,
            "all events arrive")
        assert seen(members) == acknowledged
        for member in staying:
            member.leave()
        ends = {}
        for partition, offset in acknowledged:
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        assert group_offsets(broker.bootstrap, group, topic) == ends
    finally:
        feed.stopping = True
        for member in members:
            if member.process.poll() is None:
                member.kill()


@pytest.mark.parametrize("client", ["kcat", "kafka-python", "confluent-kafka", "aiokafka"])
def test_a_group_goes_on_where_it_stopped(broker, topic, client):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    group = "group-" + topic
    parts = []
    for _ in range(2):
        feed = Feed(broker.bootstrap, topic)
        member = Member(client, broker.bootstrap, group, topic)
        try:
            wait_until(lambda: len(member.events) > 50, SECONDS, [member], "events arrive")
            parts.append(feed.stop())
            wait_until(
                lambda: {(p, o) for p, o, _ in list(member.events)} >= parts[-1].keys(),
                SECONDS, [member], "all events arrive")
            member.leave()
        finally:
            feed.stopping = True
            if member.process.poll() is None:
                member.kill()
    # The second member began after what the first one had committed.
    assert {(p, o) for p, o, _ in member.events} == parts[1].keys()


def test_a_group_survives_the_brokers_restart(make_broker, topic):
    broker = make_broker()
    create_topic(broker.bootstrap, topic, PARTITIONS)
    feed = Feed(broker.bootstrap, topic)
    group = "group-" + topic
    members = [Member("confluent-kafka", broker.bootstrap, group, topic) for _ in range(2)]
    try:
        wait_until(lambda: share(members, PARTITIONS), SECONDS, members, "two share all")
        wait_until(lambda: all(m.events for m in members), 10, members, "all get events")
        committed = group_offsets(broker.bootstrap, group, topic)
        broker.kill()
        time.sleep(0.3)
        broker.start()
        found = group_offsets(broker.bootstrap, group, topic)
        assert all(found[partition] >= offset for partition, offset in committed.items())
        acknowledged = feed.stop()
        wait_until(
            lambda: {(p, o) for m in members for p, o, _ in list(m.events)}
            >= acknowledged.keys(), SECONDS, members, "all events arrive")
        for member in members:
            member.leave()
    finally:
        feed.stopping = True
        for member in members:
            if member.process.poll() is None:
                member.kill()


def test_a_static_member_comes_back_without_a_rebalance(broker, topic):
    create_topic(broker.bootstrap, topic, 2)
    rebalances = {"a": 0, "b": 0}

    def consumer(name):
        made = confluent_kafka.Consumer({
            "bootstrap.servers": broker.bootstrap, "group.id": "static-" + topic,
            "group.instance.id": name, "session.timeout.ms": 8000,
            "heartbeat.interval.ms": 300, "auto.offset.reset": "earliest"})
        made.subscribe([topic], on_assign=lambda c, p: count(name, p))
        return made

    def count(name, partitions):
        rebalances[name] += 1

    def poll(consumers, until):
        deadline = time.monotonic() + 15
        while not until() and time.monotonic() < deadline:
            for each in consumers:
                each.poll(0.05)
        assert until()

    first, second = consumer("a"), consumer("b")
    try:
        poll([first, second], lambda: len(first.assignment()) == len(second.assignment()) == 1)
        place = second.assignment()[0].partition
        before = dict(rebalances)
        second.close()
        second = consumer("b")
        poll([first, second], lambda: len(second.assignment()) == 1)
        assert second.assignment()[0].partition == place
        assert rebalances["a"] == before["a"]
    finally:
        first.close()
        second.close()


def test_admin_clients_see_groups(broker, topic):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    group = "group-" + topic
    member = Member("confluent-kafka", broker.bootstrap, group, topic)
    try:
        wait_until(lambda: share([member], PARTITIONS), SECONDS, [member], "one has all")
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        described = admin.describe_consumer_groups([group])[group].result(10)
        assert described.state == confluent_kafka.ConsumerGroupState.STABLE
        assert described.partition_assignor == "range"
        assert len(described.members) == 1
        owned = described.members[0].assignment.topic_partitions
        assert sorted((p.topic, p.partition) for p in owned) == [
            (topic, n) for n in range(PARTITIONS)]
        listed = admin.list_consumer_groups().result(10)
        assert group in [each.group_id for each in listed.valid]
        assert not listed.errors

        import kafka.admin
        python = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        assert group in str(python.list_groups())
        python.close()
        member.leave()
        wait_until(
            lambda: admin.describe_consumer_groups([group])[group].result(10).state
            == confluent_kafka.ConsumerGroupState.EMPTY, 10, [member], "the group is empty")
    finally:
        if member.process.poll() is None:
            member.kill()
