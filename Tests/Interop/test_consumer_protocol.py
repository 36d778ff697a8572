"""The consumer group protocol (KIP-848) with librdkafka: the broker shares the partitions out."""
import json
import subprocess
import time

import confluent_kafka
import pytest
from confluent_kafka import ConsumerGroupType
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType)

from broker import BINARY
from clients import create_topic
from members import Member, share, wait_until
from test_groups import PARTITIONS, Feed, group_offsets, seen

SECONDS = 30

# Kafka's five seconds between beats and 45 until a member is missed would make minutes of this.
SETTINGS = {
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "300",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "4000",
}


@pytest.fixture
def broker(make_broker):
    return make_broker(settings=SETTINGS)


def member(broker, group, topic, options=None):
    return Member("consumer-protocol", broker.bootstrap, group, topic, options)


def end(members):
    for one in members:
        if one.process.poll() is None:
            one.kill()


def described(broker, group):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    return admin.describe_consumer_groups([group])[group].result(10)


def said(one, word):
    return [line for line in one.lines if line.split(" ")[0] == word]


@pytest.mark.parametrize("assignor", ["uniform", "range"])
def test_a_group_goes_on_when_members_leave_and_die(broker, topic, assignor):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    feed = Feed(broker.bootstrap, topic)
    group, members = "group-" + topic, []
    options = f"group.remote.assignor={assignor}"
    try:
        for _ in range(3):
            members.append(member(broker, group, topic, options))
        # On the way there they may share all as unevenly as they came.
        wait_until(
            lambda: share(members, PARTITIONS) and {len(m.assigned) for m in members} == {2},
            SECONDS, members, "three share all evenly")
        wait_until(lambda: all(m.events for m in members), 10, members, "all get events")

        members[0].leave()
        staying = members[1:]
        wait_until(lambda: share(staying, PARTITIONS), SECONDS, members, "two share all")
        members.append(member(broker, group, topic, options))
        staying.append(members[-1])
        wait_until(lambda: share(staying, PARTITIONS), SECONDS, members, "a newcomer has its share")
        staying.pop(0).kill()
        wait_until(lambda: share(staying, PARTITIONS), SECONDS, members, "two share the dead one's")

        acknowledged = feed.stop()
        assert len(acknowledged) > 100
        wait_until(
            lambda: seen(members).keys() >= acknowledged.keys(), SECONDS, members,
            "all events arrive")
        assert seen(members) == acknowledged
        for one in staying:
            one.leave()
        ends = {}
        for partition, offset in acknowledged:
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        assert group_offsets(broker.bootstrap, group, topic) == ends
    finally:
        feed.stopping = True
        end(members)


def test_a_group_goes_on_where_it_stopped(broker, topic):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    group, parts = "group-" + topic, []
    for _ in range(2):
        feed = Feed(broker.bootstrap, topic)
        one = member(broker, group, topic)
        try:
            wait_until(lambda: len(one.events) > 50, SECONDS, [one], "events arrive")
            parts.append(feed.stop())
            wait_until(
                lambda: seen([one]).keys() >= parts[-1].keys(), SECONDS, [one], "all arrive")
            one.leave()
        finally:
            feed.stopping = True
            end([one])
        assert seen([one]) == parts[-1], "nothing twice, nothing from before"
        broker.restart()


def test_a_static_member_comes_back_to_its_partitions(broker, topic):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    group = "group-" + topic
    members = [
        member(broker, group, topic, f"group.instance.id=static-{number}") for number in range(2)]
    try:
        wait_until(lambda: share(members, PARTITIONS), SECONDS, members, "two share all")
        before, other = members[0].assigned, members[1]
        revoked = len(said(other, "revoked"))
        members[0].leave()
        back = member(broker, group, topic, "group.instance.id=static-0")
        members.append(back)
        wait_until(lambda: back.assigned == before, SECONDS, members, "it has what it had")
        assert len(said(other, "revoked")) == revoked, "nothing moved for the other one"
        assert share([back, other], PARTITIONS)
        # One that dies for good is missed after its session.
        back.kill()
        wait_until(lambda: share([other], PARTITIONS), SECONDS, members, "one has all")
    finally:
        end(members)


def test_a_pattern_follows_the_topics(broker):
    create_topic(broker.bootstrap, "logs-a", 2)
    create_topic(broker.bootstrap, "other", 2)
    one = member(broker, "group-pattern", "^logs-.*")
    try:
        def topics():
            lines = said(one, "topics")
            return lines[-1].split(" ")[1:] if lines else None

        wait_until(lambda: topics() == ["logs-a"], SECONDS, [one], "one topic matches")
        create_topic(broker.bootstrap, "logs-b", 3)
        wait_until(lambda: topics() == ["logs-a", "logs-b"], SECONDS, [one], "two match")
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap})
        producer.produce("logs-b", b"hello", partition=2)
        assert producer.flush(10) == 0
        wait_until(lambda: (2, 0, "hello") in one.events, SECONDS, [one], "the event arrives")
    finally:
        end([one])


def test_a_bad_pattern_is_refused_with_its_reason(broker):
    errors = []
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": broker.bootstrap, "group.id": "bad", "group.protocol": "consumer",
        "error_cb": errors.append})
    try:
        # librdkafka checks with the system's regular expressions, which have backreferences.
        consumer.subscribe([r"^(a)\1"])
        deadline = time.monotonic() + SECONDS
        while not errors and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None and message.error() is not None:
                errors.append(message.error())
        assert errors, "nobody said anything"
    finally:
        consumer.close()


def test_killed_brokers_lose_no_ownership(broker, topic):
    """The broker is killed while members work, and once while one joins."""
    create_topic(broker.bootstrap, topic, PARTITIONS)
    feed = Feed(broker.bootstrap, topic)
    group, members = "group-" + topic, []
    try:
        for _ in range(2):
            members.append(member(broker, group, topic))
        wait_until(lambda: share(members, PARTITIONS), SECONDS, members, "two share all")
        wait_until(lambda: all(m.events for m in members), 10, members, "all get events")
        owned = [set(m.assigned) for m in members]
        epoch = [len(m.lines) for m in members]
        for _ in range(3):
            broker.kill()
            time.sleep(0.5)
            broker.start()
            counts = [len(m.events) for m in members]
            wait_until(
                lambda: all(len(m.events) > n for m, n in zip(members, counts)), SECONDS, members,
                "both go on")
        assert [m.assigned for m in members] == owned, "everybody has what it had"
        moved = [
            line for m, n in zip(members, epoch) for line in m.lines[n:]
            if line.split(" ")[0] in ("assigned", "revoked", "lost")]
        assert not moved, f"nothing was rebalanced: {moved}"

        members.append(member(broker, group, topic))
        time.sleep(0.7)
        broker.kill()
        time.sleep(0.2)
        broker.start()
        wait_until(lambda: share(members, PARTITIONS), SECONDS, members, "three share all")

        acknowledged = feed.stop()
        wait_until(
            lambda: seen(members).keys() >= acknowledged.keys(), SECONDS, members,
            "all events arrive")
        for place, value in acknowledged.items():
            assert seen(members)[place] == value
    finally:
        feed.stopping = True
        end(members)


def test_admin_clients_see_the_group(broker, topic):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    group = "group-" + topic
    one = member(broker, group, topic, "group.instance.id=me")
    try:
        wait_until(lambda: share([one], PARTITIONS), SECONDS, [one], "one has all")
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        listed = admin.list_consumer_groups(types={ConsumerGroupType.CONSUMER}).result(10)
        assert [found.group_id for found in listed.valid] == [group]
        listed = admin.list_consumer_groups(types={ConsumerGroupType.CLASSIC}).result(10)
        assert listed.valid == []
        wait_until(
            lambda: described(broker, group).state.name == "STABLE", SECONDS, [one], "stable")
        found = described(broker, group)
        assert found.type == ConsumerGroupType.CONSUMER
        assert found.partition_assignor == "uniform"
        assert [m.group_instance_id for m in found.members] == ["me"]
        places = found.members[0].assignment.topic_partitions
        assert sorted(place.partition for place in places) == list(range(PARTITIONS))

        def varve(*arguments):
            command = [str(BINARY), "group", *arguments, "--bootstrap-server", broker.bootstrap]
            result = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
            assert result.returncode == 0, result.stderr
            return result.stdout

        assert json.loads(varve("list", "--json")) == [
            {"group": group, "state": "Stable", "type": "consumer", "groupType": "consumer"}]
        text = varve("describe", group, "--members", "--verbose")
        assert f"{topic}-0" in text, text
        assert " uniform " in varve("describe", group, "--state")
        assert f'kafka_consumergroup_members{{consumergroup="{group}"}} 1' in broker.http(
            "/metrics")[1]
        one.leave()
        # A static member that goes is expected back for a session.
        deleted = admin.delete_consumer_groups([group])[group]
        with pytest.raises(confluent_kafka.KafkaException):
            deleted.result(10)
        time.sleep(5)
        admin.delete_consumer_groups([group])[group].result(10)
        assert admin.list_consumer_groups().result(10).valid == []
    finally:
        end([one])


def test_a_group_has_settings_of_its_own(make_broker, topic):
    broker = make_broker(settings={
        **SETTINGS, "group.consumer.session.timeout.ms": "60000"})
    create_topic(broker.bootstrap, topic, PARTITIONS)
    group = "group-" + topic
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    name = "consumer.session.timeout.ms"

    def alter(entry, value):
        change = ConfigResource(ResourceType.GROUP, group, incremental_configs=[
            ConfigEntry(entry, value, incremental_operation=AlterConfigOpType.SET)])
        list(admin.incremental_alter_configs([change]).values())[0].result(10)

    def settings():
        resource = ConfigResource(ResourceType.GROUP, group)
        return list(admin.describe_configs([resource]).values())[0].result(10)

    assert settings()[name].value == "60000" and not settings()[name].is_default
    for entry, value in ((name, "999"), ("share.session.timeout.ms", "2000")):
        with pytest.raises(confluent_kafka.KafkaException, match=entry):
            alter(entry, value)
    alter(name, "2000")
    assert settings()[name].value == "2000"
    broker.restart()
    assert settings()[name].value == "2000"
    members = [member(broker, group, topic) for _ in range(2)]
    try:
        wait_until(lambda: share(members, PARTITIONS), SECONDS, members, "two share all")
        # The broker's own would let the others wait for a minute.
        members[0].kill()
        wait_until(lambda: share(members[1:], PARTITIONS), SECONDS, members, "one has all")
    finally:
        end(members)


def test_an_empty_group_takes_either_protocol(broker, topic):
    create_topic(broker.bootstrap, topic, PARTITIONS)
    group = "group-" + topic
    one = member(broker, group, topic)
    two = None
    try:
        wait_until(lambda: share([one], PARTITIONS), SECONDS, [one], "one has all")
        one.leave()
        two = Member("confluent-kafka", broker.bootstrap, group, topic)
        wait_until(lambda: share([two], PARTITIONS), SECONDS, [two], "a classic member has all")
        two.leave()
        one = member(broker, group, topic)
        wait_until(lambda: share([one], PARTITIONS), SECONDS, [one], "and a new one again")
    finally:
        end([m for m in (one, two) if m is not None])
