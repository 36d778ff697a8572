"""Members of one group change group.protocol one by one, and back (KIP-848, online migration)."""
import time

import confluent_kafka
import pytest
from confluent_kafka import ConsumerGroupType
from confluent_kafka.admin import AdminClient

from clients import create_topic
from members import Member, share, wait_until
from test_consumer_protocol import SETTINGS, end
from test_groups import PARTITIONS, Feed, group_offsets, seen

SECONDS = 40


@pytest.fixture
def broker(make_broker):
    return make_broker(settings=SETTINGS)


def protocol(broker):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    return [found.type for found in admin.list_consumer_groups().result(10).valid]


class Roll:
    """The members of a group, of which one after the other is exchanged."""

    def __init__(self, broker, group, topic):
        self.broker, self.group, self.topic = broker, group, topic
        self.all, self.running = [], []

    def add(self, client, options=None):
        one = Member(client, self.broker.bootstrap, self.group, self.topic, options)
        self.all.append(one)
        self.running.append(one)
        return one

    def rest(self, what):
        wait_until(lambda: share(self.running, PARTITIONS), SECONDS, self.all, what)

    def exchange(self, one, client, options=None):
        new = self.add(client, options)
        self.rest(f"{client} has its share beside the others")
        self.running.remove(one)
        one.leave()
        self.rest(f"the others have what {one.client} had")
        return new


@pytest.mark.parametrize("client, assignor, beside", [
    ("confluent-kafka", "range", None), ("confluent-kafka", "cooperative-sticky", None),
    ("confluent-kafka", "range", "kafka-python"), ("aiokafka", None, None)])
def test_members_change_their_protocol_one_by_one(broker, topic, client, assignor, beside):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    feed = Feed(broker.bootstrap, topic)
    roll = Roll(broker, "group-" + topic, topic)
    try:
        if beside:
            roll.add(beside)
        members = [roll.add(client, assignor) for _ in range(2)]
        roll.rest("all of the classic protocol")
        wait_until(lambda: all(m.events for m in roll.all), 10, roll.all, "all get events")
        assert protocol(broker) == [ConsumerGroupType.CLASSIC]

        members = [roll.exchange(one, "consumer-protocol") for one in members]
        assert protocol(broker) == [ConsumerGroupType.CONSUMER]
        wait_until(lambda: all(m.events for m in roll.running), 10, roll.all, "all get events")

        members = [roll.exchange(one, client, assignor) for one in members]
        assert protocol(broker) == [ConsumerGroupType.CLASSIC]
        wait_until(lambda: all(m.events for m in roll.running), 10, roll.all, "all get events")

        acknowledged = feed.stop()
        assert len(acknowledged) > 100
        wait_until(
            lambda: seen(roll.all).keys() >= acknowledged.keys(), SECONDS, roll.all,
            "all events arrive")
        assert seen(roll.all) == acknowledged
        for one in roll.running:
            one.leave()
        ends = {}
        for partition, offset in acknowledged:
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        assert group_offsets(broker.bootstrap, roll.group, topic) == ends
    finally:
        feed.stopping = True
        end(roll.all)


def test_static_members_change_their_protocol_in_their_places(broker, topic):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    roll = Roll(broker, "group-" + topic, topic)
    try:
        stays = roll.add("confluent-kafka", "range")
        old = roll.add("confluent-kafka", "range group.instance.id=me")
        roll.rest("all of the classic protocol")
        old.kill()
        roll.running.remove(old)
        new = roll.add("consumer-protocol", "group.instance.id=me")
        roll.rest("it has a share again")
        assert protocol(broker) == [ConsumerGroupType.CONSUMER]
        new.leave()
        roll.running.remove(new)
        roll.add("confluent-kafka", "range group.instance.id=me")
        roll.rest("and again")
        assert protocol(broker) == [ConsumerGroupType.CLASSIC]
        assert stays.process.poll() is None
    finally:
        end(roll.all)


def test_killed_brokers_lose_no_conversion(broker, topic):
    """The broker is killed while a group goes over to the other protocol, and back."""
    create_topic(broker.bootstrap, topic, PARTITIONS)
    feed = Feed(broker.bootstrap, topic)
    roll = Roll(broker, "group-" + topic, topic)
    try:
        roll.add("confluent-kafka", "range")
        roll.add("confluent-kafka", "range")
        roll.rest("all of the classic protocol")
        new = roll.add("consumer-protocol")
        for pause in (0.6, 0.2):
            time.sleep(pause)
            broker.kill()
            time.sleep(0.2)
            broker.start()
        roll.rest("three share all")
        assert protocol(broker) == [ConsumerGroupType.CONSUMER]
        roll.running.remove(new)
        new.leave()
        broker.kill()
        time.sleep(0.2)
        broker.start()
        roll.rest("two share all")
        assert protocol(broker) == [ConsumerGroupType.CLASSIC]
        acknowledged = feed.stop()
        wait_until(
            lambda: seen(roll.all).keys() >= acknowledged.keys(), SECONDS, roll.all,
            "all events arrive")
        for place, value in acknowledged.items():
            assert seen(roll.all)[place] == value
    finally:
        feed.stopping = True
        end(roll.all)


def test_a_policy_keeps_groups_as_they_are(make_broker, topic):
    broker = make_broker(settings={**SETTINGS, "group.consumer.migration.policy": "disabled"})
    create_topic(broker.bootstrap, topic, PARTITIONS)
    roll = Roll(broker, "group-" + topic, topic)
    try:
        roll.add("confluent-kafka", "range")
        roll.rest("one has all")
        errors = []
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": broker.bootstrap, "group.id": roll.group,
            "group.protocol": "consumer", "error_cb": errors.append})
        try:
            consumer.subscribe([topic])
            deadline = time.monotonic() + SECONDS
            while not errors and time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is not None and message.error() is not None:
                    errors.append(message.error())
        finally:
            consumer.close()
        assert errors and "group id does not exist" in errors[0].str(), errors
        roll.rest("it still has all")
        assert protocol(broker) == [ConsumerGroupType.CLASSIC]
    finally:
        end(roll.all)
