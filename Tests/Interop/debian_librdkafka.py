"""Debian's librdkafka behind the verbs of the tests, run by Debian's own Python:

    debian_librdkafka.py write BOOTSTRAP TOPIC CODEC [idempotent]    events from the standard input
    debian_librdkafka.py read BOOTSTRAP TOPIC PARTITION
    debian_librdkafka.py member BOOTSTRAP GROUP TOPIC
    debian_librdkafka.py copy BOOTSTRAP GROUP FROM TO
    debian_librdkafka.py admin BOOTSTRAP TOPIC GROUP
"""
import json
import signal
import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

import member
from events import Event
from programs import line, parse

SECONDS = 30


def write(bootstrap, topic, codec, *options):
    producer = Producer({
        "bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 5,
        "enable.idempotence": "idempotent" in options})
    written = []

    def done(error, message):
        assert error is None, error
        written.append(Event(None, None, [], -1, message.partition(), message.offset()))

    for event in parse(sys.stdin.read()):
        given = {} if event.timestamp < 0 else {"timestamp": event.timestamp}
        producer.produce(
            topic, key=event.key, value=event.value, headers=event.headers,
            partition=event.partition, on_delivery=done, **given)
    assert producer.flush(SECONDS) == 0
    for event in written:
        sys.stdout.write(line(event))


def consumer(bootstrap, group, **settings):
    return Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False,
        "check.crcs": True, "fetch.wait.max.ms": 100, "auto.offset.reset": "earliest",
        **settings})


def take(consumer):
    messages = consumer.consume(500, timeout=0.2)
    for message in messages:
        assert message.error() is None, message.error()
    return messages


def read(bootstrap, topic, partition):
    reader = consumer(bootstrap, "unused", **{"enable.partition.eof": True})
    place = TopicPartition(topic, int(partition), confluent_kafka.OFFSET_BEGINNING)
    reader.assign([place])
    deadline, is_over = time.monotonic() + SECONDS, False
    while not is_over:
        assert time.monotonic() < deadline
        for message in reader.consume(500, timeout=0.2):
            if message.error() is not None:
                assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF
                is_over = True
                continue
            sys.stdout.write(line(Event(
                message.value(), message.key(), message.headers() or [], message.timestamp()[1],
                message.partition(), message.offset())))
    reader.close()


def copy(bootstrap, group, source, target):
    """Copies a topic in transactions that hold the offsets; every third is aborted and done
    again, and at the end a second producer fences the first."""
    reader = consumer(bootstrap, group)
    reader.subscribe([source])
    settings = {"bootstrap.servers": bootstrap, "transactional.id": group}
    producer = Producer(settings)
    producer.init_transactions(SECONDS)
    probe = consumer(bootstrap, "unused")
    _, end = probe.get_watermark_offsets(TopicPartition(source, 0), timeout=SECONDS)
    probe.close()
    done, turns, aborted = 0, 0, 0
    deadline = time.monotonic() + SECONDS
    while done < end:
        assert time.monotonic() < deadline, (done, end)
        messages = reader.consume(100, timeout=0.2)
        if not messages:
            continue
        producer.begin_transaction()
        for message in messages:
            assert message.error() is None, message.error()
            producer.produce(target, key=message.key(), value=message.value())
        reached = messages[-1].offset() + 1
        producer.send_offsets_to_transaction(
            [TopicPartition(source, 0, reached)], reader.consumer_group_metadata(), SECONDS)
        turns += 1
        if turns % 3 == 2:
            producer.abort_transaction(SECONDS)
            reader.seek(TopicPartition(source, 0, done))
            aborted += 1
        else:
            producer.commit_transaction(SECONDS)
            done = reached
    committed, = reader.committed([TopicPartition(source, 0)], timeout=SECONDS)
    assert committed.offset == end, committed
    reader.close()
    second = Producer(settings)
    second.init_transactions(SECONDS)
    fenced = False
    try:
        producer.begin_transaction()
        producer.produce(target, b"never")
        producer.commit_transaction(SECONDS)
    except KafkaException as error:
        fenced = error.args[0].fatal()
    print(json.dumps({"copied": done, "aborted": aborted, "fenced": fenced}))


def admin(bootstrap, topic, group):
    outcome = {}
    client = AdminClient({"bootstrap.servers": bootstrap})
    outcome["brokers"] = len(client.list_topics(timeout=SECONDS).brokers)
    wanted = NewTopic(topic, 2, 3, config={"retention.ms": "60000"})
    client.create_topics([wanted])[topic].result(SECONDS)
    try:
        client.create_topics([wanted])[topic].result(SECONDS)
    except KafkaException as error:
        outcome["again"] = error.args[0].name()
    client.create_partitions([NewPartitions(topic, 3)])[topic].result(SECONDS)
    found = client.list_topics(topic, timeout=SECONDS).topics[topic]
    outcome["partitions"] = len(found.partitions)
    resource = ConfigResource("topic", topic)
    resource.set_config("retention.ms", "120000")
    client.alter_configs([resource])[resource].result(SECONDS)
    resource = ConfigResource("topic", topic)
    configs = client.describe_configs([resource])[resource].result(SECONDS)
    outcome["config retention.ms"] = configs["retention.ms"].value
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(10):
        producer.produce(topic, b"x", partition=0, timestamp=1000 * number + 1)
    assert producer.flush(SECONDS) == 0
    reader = consumer(bootstrap, group)
    reader.subscribe([topic])
    count, deadline = 0, time.monotonic() + SECONDS
    while count < 10:
        assert time.monotonic() < deadline
        count += len(take(reader))
    reader.commit(offsets=[TopicPartition(topic, 0, 7)], asynchronous=False)
    outcome["group listed"] = client.list_groups(group, timeout=SECONDS)[0].state
    outcome["committed"] = reader.committed([TopicPartition(topic, 0)], timeout=SECONDS)[0].offset
    outcome["after 3500"] = reader.offsets_for_times(
        [TopicPartition(topic, 0, 3500)], timeout=SECONDS)[0].offset
    outcome["watermarks"] = reader.get_watermark_offsets(
        TopicPartition(topic, 0), timeout=SECONDS)
    reader.close()
    client.delete_topics([topic])[topic].result(SECONDS)
    outcome["there"] = topic in client.list_topics(timeout=SECONDS).topics
    print(json.dumps(outcome))


def main():
    verb, *rest = sys.argv[1:]
    if verb == "member":
        signal.signal(signal.SIGTERM, member.stop)
        member.confluent_kafka(*rest, None)
        member.say("closed")
    else:
        {"write": write, "read": read, "copy": copy, "admin": admin}[verb](*rest)


if __name__ == "__main__":
    main()
