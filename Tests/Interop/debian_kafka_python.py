"""Debian's kafka-python, which is the old 2.0 that much still uses, behind the verbs of the tests,
run by Debian's own Python:

    debian_kafka_python.py write BOOTSTRAP TOPIC CODEC      events from the standard input
    debian_kafka_python.py read BOOTSTRAP TOPIC PARTITION
    debian_kafka_python.py member BOOTSTRAP GROUP TOPIC
    debian_kafka_python.py admin BOOTSTRAP TOPIC GROUP
"""
import json
import signal
import sys
import time

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic)

import member
from events import Event
from programs import line, parse

SECONDS = 30


def write(bootstrap, topic, codec):
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=5,
        compression_type=None if codec == "none" else codec)
    futures = [
        producer.send(
            topic, key=event.key, value=event.value, headers=event.headers,
            partition=event.partition,
            timestamp_ms=None if event.timestamp < 0 else event.timestamp)
        for event in parse(sys.stdin.read())]
    for future in futures:
        done = future.get(SECONDS)
        sys.stdout.write(line(Event(None, None, [], -1, done.partition, done.offset)))
    producer.close()


def read(bootstrap, topic, partition):
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=100)
    place = TopicPartition(topic, int(partition))
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    end = consumer.end_offsets([place])[place]
    deadline = time.monotonic() + SECONDS
    while consumer.position(place) < end:
        assert time.monotonic() < deadline, f"{consumer.position(place)} of {end}"
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                sys.stdout.write(line(Event(
                    record.value, record.key, record.headers, record.timestamp,
                    record.partition, record.offset)))
    consumer.close()


def admin(bootstrap, topic, group):
    outcome = {"version": kafka.__version__}
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    wanted = NewTopic(topic, 2, 3, topic_configs={"retention.ms": "60000"})
    client.create_topics([wanted])
    try:
        client.create_topics([wanted])
    except kafka.errors.TopicAlreadyExistsError as error:
        outcome["again"] = type(error).__name__
    client.create_partitions({topic: NewPartitions(3)})
    outcome["partitions"] = len(client.describe_topics([topic])[0]["partitions"])
    outcome["brokers"] = len(client.describe_cluster()["brokers"])
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "120000"})
    client.alter_configs([resource])
    described, = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    entries = {entry[0]: entry[1] for entry in described.resources[0][4]}
    outcome["config retention.ms"] = entries["retention.ms"]
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for number in range(10):
        producer.send(topic, b"x", partition=0, timestamp_ms=1000 * number + 1).get(SECONDS)
    producer.close()
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
        enable_auto_commit=False)
    count, deadline = 0, time.monotonic() + SECONDS
    while count < 10:
        assert time.monotonic() < deadline
        count += sum(map(len, consumer.poll(timeout_ms=200).values()))
    place = TopicPartition(topic, 0)
    consumer.commit({place: kafka.structs.OffsetAndMetadata(7, "a note")})
    outcome["committed"] = consumer.committed(place)
    outcome["after 3500"] = consumer.offsets_for_times({place: 3500})[place].offset
    state = client.describe_consumer_groups([group])[0]
    outcome["group"] = [state.state, len(state.members)]
    outcome["offsets"] = client.list_consumer_group_offsets(group)[place].offset
    consumer.close()
    outcome["group listed"] = group in dict(client.list_consumer_groups())
    outcome["group deleted"] = client.delete_consumer_groups([group])[0][1].__name__
    client.delete_topics([topic])
    outcome["there"] = topic in client.list_topics()
    client.close()
    print(json.dumps(outcome))


def main():
    verb, *rest = sys.argv[1:]
    if verb == "member":
        signal.signal(signal.SIGTERM, member.stop)
        member.kafka_python(*rest, None)
        member.say("closed")
    else:
        {"write": write, "read": read, "admin": admin}[verb](*rest)


if __name__ == "__main__":
    main()
