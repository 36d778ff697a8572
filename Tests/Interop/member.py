"""One member of a consumer group, a process of its own so that it can be killed.

    python member.py CLIENT BOOTSTRAP GROUP TOPIC [ASSIGNOR]

The client consumer-protocol is confluent-kafka with KIP-848's protocol; TOPIC may be several with
commas between, and ASSIGNOR is any configuration: "group.instance.id=a group.remote.assignor=range".
With confluent-kafka the same may follow the assignor.

Prints what happens, a line each: "assigned 0 1", "revoked 0 1", "event PARTITION OFFSET VALUE",
"closed". An event is printed before its offset is committed. SIGTERM makes it leave the group.
"""
import asyncio
import signal
import sys

SESSION_MS = 2000
HEARTBEAT_MS = 300

stopping = False


def say(*words):
    print(*words, flush=True)


def stop(*_):
    global stopping
    stopping = True


def numbers(partitions):
    return sorted(place.partition for place in partitions)


def kafka_python(bootstrap, group, topic, assignor):
    import kafka
    from kafka.coordinator.assignors.range import RangePartitionAssignor

    class Listener(kafka.ConsumerRebalanceListener):
        def on_partitions_revoked(self, revoked):
            say("revoked", *numbers(revoked))

        def on_partitions_assigned(self, assigned):
            say("assigned", *numbers(assigned))

    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
        enable_auto_commit=False, session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS, fetch_max_wait_ms=100,
        partition_assignment_strategy=[RangePartitionAssignor])
    consumer.subscribe([topic], listener=Listener())
    while not stopping:
        try:
            batches = consumer.poll(timeout_ms=100)
            for records in batches.values():
                for record in records:
                    say("event", record.partition, record.offset, record.value.decode())
            if batches:
                consumer.commit()
        except kafka.errors.CommitFailedError as error:
            say("commit-failed", error)
        except kafka.errors.KafkaConnectionError as error:
            say("no-connection", error)  # the application's to bear while the broker is away
    consumer.close()


def confluent_kafka(bootstrap, group, topic, assignor):
    import confluent_kafka
    assignor, *options = (assignor or "range").split()
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "session.timeout.ms": SESSION_MS,
        "heartbeat.interval.ms": HEARTBEAT_MS, "fetch.wait.max.ms": 100,
        "partition.assignment.strategy": assignor,
        **dict(option.split("=", 1) for option in options)})

    def owned(consumer):
        return numbers(consumer.assignment())

    def assigned(consumer, partitions):
        if assignor == "cooperative-sticky":
            consumer.incremental_assign(partitions)
        else:
            consumer.assign(partitions)
        say("assigned", *owned(consumer))

    def revoked(consumer, partitions):
        if assignor == "cooperative-sticky":
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()
        say("revoked", *numbers(partitions))

    consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked)
    while not stopping:
        messages = [m for m in consumer.consume(500, timeout=0.1)]
        for message in messages:
            if message.error() is not None:
                say("error", message.error())
                continue
            say("event", message.partition(), message.offset(), message.value().decode())
        if any(message.error() is None for message in messages):
            try:
                consumer.commit(asynchronous=False)
            except confluent_kafka.KafkaException as error:
                say("commit-failed", error)
    consumer.close()


def consumer_protocol(bootstrap, group, topics, options):
    import confluent_kafka
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "fetch.wait.max.ms": 100, "group.protocol": "consumer",
        "topic.metadata.refresh.interval.ms": 1000, "reconnect.backoff.max.ms": 500,
        **dict(option.split("=", 1) for option in (options or "").split())})

    def assigned(consumer, partitions):
        consumer.incremental_assign(partitions)
        say("topics", *sorted({place.topic for place in consumer.assignment()}))
        say("assigned", *numbers(consumer.assignment()))

    def revoked(consumer, partitions):
        consumer.incremental_unassign(partitions)
        say("revoked", *numbers(partitions))

    def lost(consumer, partitions):
        consumer.incremental_unassign(partitions)
        say("lost", *numbers(partitions))
        say("revoked", *numbers(partitions))

    consumer.subscribe(topics.split(","), on_assign=assigned, on_revoke=revoked, on_lost=lost)
    while not stopping:
        messages = consumer.consume(500, timeout=0.1)
        for message in messages:
            if message.error() is not None:
                say("error", message.error())
                continue
            say("event", message.partition(), message.offset(), message.value().decode())
        if any(message.error() is None for message in messages):
            try:
                consumer.commit(asynchronous=False)
            except confluent_kafka.KafkaException as error:
                say("commit-failed", error)
    consumer.close()


def aiokafka(bootstrap, group, topic, assignor):
    import aiokafka
    from aiokafka.errors import CommitFailedError, IllegalStateError

    class Listener(aiokafka.ConsumerRebalanceListener):
        async def on_partitions_revoked(self, revoked):
            say("revoked", *numbers(revoked))

        async def on_partitions_assigned(self, assigned):
            say("assigned", *numbers(assigned))

    async def work():
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False, session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS, fetch_max_wait_ms=100,
            rebalance_timeout_ms=10_000)
        consumer.subscribe([topic], listener=Listener())
        await consumer.start()
        while not stopping:
            batches = await consumer.getmany(timeout_ms=100)
            for records in batches.values():
                for record in records:
                    say("event", record.partition, record.offset, record.value.decode())
            if batches:
                try:
                    await consumer.commit()
                except (CommitFailedError, IllegalStateError) as error:
                    say("commit-failed", error)
        await consumer.stop()

    asyncio.run(work())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    client, bootstrap, group, topic, *rest = sys.argv[1:]
    run = {"kafka-python": kafka_python, "confluent-kafka": confluent_kafka, "aiokafka": aiokafka,
           "consumer-protocol": consumer_protocol}
    run[client](bootstrap, group, topic, rest[0] if rest else None)
    say("closed")
