"""What administrators do with the tools they have: confluent-kafka, kafka-python, aiokafka, kcat."""
import asyncio
import functools
import json
import subprocess
import time

import aiokafka.admin
import confluent_kafka
import kafka
import kafka.admin
import pytest
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
    OffsetSpec, ResourceType)

from clients import ConfluentKafka, KafkaPython, create_topic
from events import Event

SECONDS = 15


@functools.cache
def admin_at(bootstrap):
    """An admin client that lives on: one that goes away takes its open requests along."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def admin_of(broker):
    return admin_at(broker.bootstrap)


def partitions_of(broker, topic):
    found = admin_of(broker).list_topics(timeout=SECONDS).topics.get(topic)
    return None if found is None else sorted(found.partitions)


def wait_for(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_topics_are_created_listed_and_deleted_by_confluent_kafka(broker, topic):
    admin = admin_of(broker)
    new = NewTopic(topic, 3, 1, config={"retention.ms": "60000"})
    admin.create_topics([new])[topic].result(SECONDS)
    assert partitions_of(broker, topic) == [0, 1, 2]
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        admin.create_topics([new])[topic].result(SECONDS)
    assert refused.value.args[0].code() == confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS
    admin.delete_topics([topic])[topic].result(SECONDS)
    assert partitions_of(broker, topic) is None
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        admin.delete_topics([topic])[topic].result(SECONDS)
    assert refused.value.args[0].code() == confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_topic_made_again_begins_empty(broker, topic):
    create_topic(broker.bootstrap, topic, 1)
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"old")])
    admin_of(broker).delete_topics([topic])[topic].result(SECONDS)
    create_topic(broker.bootstrap, topic, 1)
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"new")])
    read = ConfluentKafka.read(broker.bootstrap, topic)
    assert [(event.offset, event.value) for event in read] == [(0, b"new")]


def test_a_check_only_creates_nothing(broker, topic):
    admin_of(broker).create_topics(
        [NewTopic(topic, 3, 1)], validate_only=True)[topic].result(SECONDS)
    assert partitions_of(broker, topic) is None


@pytest.mark.parametrize("name", ["", "a b", "..", "x" * 250, "a/b", "über"])
def test_bad_topic_names_are_refused(broker, name):
    with pytest.raises((confluent_kafka.KafkaException, ValueError)):
        admin_of(broker).create_topics([NewTopic(name, 1, 1)])[name].result(SECONDS)


def test_settings_that_are_unknown_or_wrong_are_refused(broker, topic):
    for config in ({"no.such.setting": "1"}, {"retention.ms": "soon"}):
        with pytest.raises(confluent_kafka.KafkaException) as refused:
            admin_of(broker).create_topics(
                [NewTopic(topic, 1, 1, config=config)])[topic].result(SECONDS)
        assert refused.value.args[0].code() == confluent_kafka.KafkaError.INVALID_CONFIG
    assert partitions_of(broker, topic) is None


def test_topic_settings_are_told_and_changed(broker, topic):
    create_topic(broker.bootstrap, topic, 1, {"retention.ms": "60000"})
    admin = admin_of(broker)
    resource = ConfigResource(ResourceType.TOPIC, topic)

    def settings():
        return list(admin.describe_configs([resource]).values())[0].result(SECONDS)

    assert settings()["retention.ms"].value == "60000"
    assert not settings()["retention.ms"].is_default
    assert settings()["cleanup.policy"].value == "delete"
    assert settings()["cleanup.policy"].is_default
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("retention.ms", "120000",
                    incremental_operation=AlterConfigOpType.SET)])
    list(admin.incremental_alter_configs([change]).values())[0].result(SECONDS)
    assert settings()["retention.ms"].value == "120000"
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE)])
    list(admin.incremental_alter_configs([change]).values())[0].result(SECONDS)
    assert settings()["retention.ms"].is_default


def test_broker_settings_are_told(broker):
    resource = ConfigResource(ResourceType.BROKER, str(broker_id(broker)))
    found = list(admin_of(broker).describe_configs([resource]).values())[0].result(SECONDS)
    assert found["group.initial.rebalance.delay.ms"].value == "100"


def broker_id(broker):
    return next(iter(admin_of(broker).list_topics(timeout=SECONDS).brokers))


def test_partitions_are_added(broker, topic):
    create_topic(broker.bootstrap, topic, 2)
    admin = admin_of(broker)
    admin.create_partitions([NewPartitions(topic, 4)])[topic].result(SECONDS)
    wait_for(lambda: partitions_of(broker, topic) == [0, 1, 2, 3])
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        admin.create_partitions([NewPartitions(topic, 3)])[topic].result(SECONDS)
    assert refused.value.args[0].code() == confluent_kafka.KafkaError.INVALID_PARTITIONS
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"v")], partition=3)
    assert len(ConfluentKafka.read(broker.bootstrap, topic, 3)) == 1


def test_records_are_deleted_up_to_an_offset(broker, topic):
    create_topic(broker.bootstrap, topic, 1)
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"%d" % n) for n in range(100)])
    place = confluent_kafka.TopicPartition(topic, 0, 40)
    done = list(admin_of(broker).delete_records([place]).values())[0].result(SECONDS)
    assert done.low_watermark == 40
    read = KafkaPython.read(broker.bootstrap, topic)
    assert [event.offset for event in read] == list(range(40, 100))


def test_offsets_are_listed(broker, topic):
    create_topic(broker.bootstrap, topic, 1)
    now = int(time.time() * 1000)
    ConfluentKafka.write(broker.bootstrap, topic, [
        Event(b"%d" % n, timestamp=now + n * 1000) for n in (0, 5, 3)])
    place = confluent_kafka.TopicPartition(topic, 0)

    def offset(kind):
        found = admin_of(broker).list_offsets({place: kind})
        return list(found.values())[0].result(SECONDS).offset

    assert offset(OffsetSpec.earliest()) == 0
    assert offset(OffsetSpec.latest()) == 3
    assert offset(OffsetSpec.for_timestamp(now + 1)) == 1
    assert offset(OffsetSpec.max_timestamp()) == 1


def test_group_offsets_are_altered_and_deleted(broker, topic):
    create_topic(broker.bootstrap, topic, 1)
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"%d" % n) for n in range(10)])
    admin, group = admin_of(broker), "group-" + topic
    place = confluent_kafka.TopicPartition(topic, 0, 7)
    request = confluent_kafka.ConsumerGroupTopicPartitions(group, [place])
    admin.alter_consumer_group_offsets([request])[group].result(SECONDS)
    found = admin.list_consumer_group_offsets(
        [confluent_kafka.ConsumerGroupTopicPartitions(group)])[group].result(SECONDS)
    assert [(p.topic, p.partition, p.offset) for p in found.topic_partitions] == [(topic, 0, 7)]

    consumer = kafka.KafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, group_id=group, consumer_timeout_ms=3000)
    assert next(consumer).value == b"7"
    consumer.close()

    admin.delete_consumer_groups([group])[group].result(SECONDS)
    listed = admin.list_consumer_groups().result(SECONDS)
    assert group not in [each.group_id for each in listed.valid]


def test_the_cluster_is_described(broker):
    found = admin_of(broker).describe_cluster().result(SECONDS)
    assert len(found.cluster_id) == 22
    assert [(node.host, node.port) for node in found.nodes] == [("127.0.0.1", broker.port)]
    python = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        assert python.describe_cluster()["cluster_id"] == found.cluster_id
    finally:
        python.close()


def test_kafka_pythons_admin_client_makes_topics(broker, topic):
    python = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        python.create_topics([kafka.admin.NewTopic(topic, 2, 1)])
        assert topic in python.list_topics()
        assert partitions_of(broker, topic) == [0, 1]
        python.delete_topics([topic])
        assert topic not in python.list_topics()
    finally:
        python.close()


def test_aiokafkas_admin_client_makes_topics(broker, topic):
    async def work():
        admin = aiokafka.admin.AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([aiokafka.admin.NewTopic(topic, 2, 1)])
            assert topic in await admin.list_topics()
            assert partitions_of(broker, topic) == [0, 1]
            await admin.delete_topics([topic])
            assert topic not in await admin.list_topics()
        finally:
            await admin.close()

    asyncio.run(asyncio.wait_for(work(), SECONDS))


def test_kcat_lists_the_cluster(broker, topic):
    create_topic(broker.bootstrap, topic, 2)
    listed = subprocess.run(
        ["kcat", "-b", broker.bootstrap, "-L", "-J", "-t", topic],
        capture_output=True, timeout=SECONDS, check=True)
    found = json.loads(listed.stdout)
    assert [each["name"] for each in found["brokers"]] == [broker.bootstrap]
    assert found["topics"][0]["topic"] == topic
    assert [p["partition"] for p in found["topics"][0]["partitions"]] == [0, 1]


def test_a_message_too_large_is_refused_by_name(broker, topic):
    create_topic(broker.bootstrap, topic, 1, {"max.message.bytes": "10000"})
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap})
    errors = []
    producer.produce(
        topic, b"x" * 20_000, on_delivery=lambda error, message: errors.append(error))
    assert producer.flush(SECONDS) == 0
    assert errors[0].code() == confluent_kafka.KafkaError.MSG_SIZE_TOO_LARGE
    python = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap)
    with pytest.raises(kafka.errors.MessageSizeTooLargeError):
        python.send(topic, b"x" * 20_000).get(SECONDS)
    python.close()
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"small")])
    assert [e.value for e in ConfluentKafka.read(broker.bootstrap, topic)] == [b"small"]


def test_without_creation_on_first_use_an_unknown_topic_is_refused(make_broker, topic):
    broker = make_broker({"auto.create.topics.enable": "false"})
    result = subprocess.run(
        ["kcat", "-b", broker.bootstrap, "-P", "-t", topic, "-X", "message.timeout.ms=3000"],
        input=b"line\n", capture_output=True, timeout=SECONDS)
    assert result.returncode != 0
    assert partitions_of(broker, topic) is None


def test_settings_survive_a_restart(make_broker, topic):
    broker = make_broker({"num.partitions": "4"})
    ConfluentKafka.write(broker.bootstrap, topic, [Event(b"v")])
    assert partitions_of(broker, topic) == [0, 1, 2, 3]
    create_topic(broker.bootstrap, "set", 2, {"retention.ms": "60000"})
    identity = admin_of(broker).describe_cluster().result(SECONDS).cluster_id
    broker.kill()
    broker.start()
    assert partitions_of(broker, "set") == [0, 1]
    found = list(admin_of(broker).describe_configs(
        [ConfigResource(ResourceType.TOPIC, "set")]).values())[0].result(SECONDS)
    assert found["retention.ms"].value == "60000"
    assert admin_of(broker).describe_cluster().result(SECONDS).cluster_id == identity
