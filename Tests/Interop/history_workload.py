"""Clients of all kinds side by side on one broker, and the verdict on what they were told."""
import time

from clients import create_topic
from history import READ_COMMITTED, READ_UNCOMMITTED, History
from history_checker import check
from history_client import PARTITIONS, SECONDS, World
from history_consumers import (AioKafkaConsumer, AssignedConsumer, KafkaPythonConsumer, Member,
                               ask_ends, read_to_the_end)
from history_producers import AioKafkaProducer, ConfluentProducer, KafkaPythonProducer
from history_transactions import Late, Mixer, Mover, Rival, Vanishing, Writer
from history_transactions_python import AioKafkaWriter, KafkaPythonWriter
from test_transactional_clients import read

SETTINGS = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
    # Many segments, so that transactions lie across them.
    "log.segment.bytes": "65536",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "300",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
}
# Records without transactions; with and without; and moved from one topic to another.
PLAIN, MIXED, SOURCE, TARGET = TOPICS = ["plain", "mixed", "source", "target"]


def make_world(broker, chance):
    history = History()
    history.dense.add(PLAIN)
    history.moved.add(SOURCE)
    for topic in TOPICS:
        create_topic(broker.bootstrap, topic, PARTITIONS)
    return World(broker.bootstrap, history, chance)


def make_producers(world):
    both = [PLAIN, MIXED]
    return [
        ConfluentProducer(world, "confluent-idempotent", both, "all", True),
        ConfluentProducer(world, "confluent-1", both, 1, False),
        KafkaPythonProducer(world, "kafka-python-idempotent", both, "all", True),
        KafkaPythonProducer(world, "kafka-python-1", both, 1, False),
        AioKafkaProducer(world, "aiokafka-idempotent", both, "all", True),
        Writer(world, "writer", [MIXED]),
        Writer(world, "contested", [MIXED]),
        Rival(world, "rival", [MIXED], transactional_id="contested"),
        Mixer(world, "mixer-1", [MIXED]),
        Mixer(world, "mixer-2", [MIXED]),
        Vanishing(world, "vanishing", [MIXED]),
        Late(world, "late", [MIXED]),
        KafkaPythonWriter(world, "kafka-python-writer", [MIXED]),
        AioKafkaWriter(world, "aiokafka-writer", [MIXED]),
        Writer(world, "feed", [SOURCE]),
    ]


def make_movers(world):
    return [Mover(world, f"mover-{n}", SOURCE, TARGET, "movers") for n in (1, 2)]


def make_consumers(world):
    return [
        AssignedConsumer(world, "assigned-committed", TOPICS, READ_COMMITTED),
        AssignedConsumer(world, "assigned-uncommitted", TOPICS, READ_UNCOMMITTED),
        KafkaPythonConsumer(world, "kafka-python-uncommitted", [PLAIN, MIXED], READ_UNCOMMITTED),
        KafkaPythonConsumer(world, "kafka-python-committed", [MIXED], READ_COMMITTED),
        AioKafkaConsumer(world, "aiokafka-committed", [MIXED], READ_COMMITTED),
        *(Member(world, f"{protocol}-{n}", [PLAIN, MIXED], isolation, f"{protocol}-group", protocol)
          for protocol, isolation in (
              ("classic", READ_COMMITTED), ("consumer", READ_UNCOMMITTED)) for n in (1, 2)),
    ]


def wait_until_moved(world):
    """Movers go on until all is moved; what they do not manage the checker will say."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if len(read(world.bootstrap, TARGET)) >= len(read(world.bootstrap, SOURCE)):
            return
        time.sleep(0.5)


def run(broker, chance, disturb):
    """Starts all clients, disturbs the broker, lets the clients come to their ends, and reads all.
    Returns the history."""
    world = make_world(broker, chance)
    producers, movers, consumers = make_producers(world), make_movers(world), make_consumers(world)
    for client in producers + movers + consumers:
        client.start()
    disturb()
    time.sleep(1)
    for client in producers:
        client.finish()
    wait_until_moved(world)
    for client in movers + consumers:
        client.finish()
    places = world.places(*TOPICS)
    ask_ends(world, places)
    for isolation in (READ_UNCOMMITTED, READ_COMMITTED):
        read_to_the_end(world, places, isolation)
    return world.history


def judge(history, what, path):
    """The checker's verdict, after a line that says what was done; where it is not clean the
    history is written to `path`."""
    verdict = check(history)
    counts = ", ".join(f"{count} {name}" for name, count in history.counts().items())
    print(f"history: {what}, {counts}, {verdict.counts.total()} anomalies")
    if verdict.counts:
        history.write(path)
    return verdict
