"""kill -9 of the broker at random moments while clients of all kinds produce, consume and transact
side by side; what they did and were told goes into one history, and the checker finds nothing wrong
with it.

VARVE_KILLS says how often a broker is killed: 5 by default, 100 in the full run, not more than 50
times in one history. VARVE_SEED repeats the moments and the clients' choices of a run.
"""
import os
import random
import time

import pytest

from broker import kill_at_random_moments
from clients import create_topic
from history import READ_COMMITTED, READ_UNCOMMITTED, History, Poll, Send
from history_checker import check
from history_client import PARTITIONS, SECONDS, World
from history_consumers import (AioKafkaConsumer, AssignedConsumer, KafkaPythonConsumer, Member,
                               ask_ends, read_to_the_end)
from history_producers import AioKafkaProducer, ConfluentProducer, KafkaPythonProducer
from history_transactions import Late, Mixer, Mover, Rival, Vanishing, Writer
from history_transactions_python import AioKafkaWriter, KafkaPythonWriter
from test_transactional_clients import read

KILLS = int(os.environ.get("VARVE_KILLS", "5"))
# The checker holds a whole history in memory: about half a gigabyte after so many kills.
KILLS_MAX = 50
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


def judge(world, work, kills):
    """The final readers, and the checker's verdict; the history is kept where it is not clean."""
    places = world.places(*TOPICS)
    ask_ends(world, places)
    for isolation in (READ_UNCOMMITTED, READ_COMMITTED):
        read_to_the_end(world, places, isolation)
    verdict = check(world.history)
    counts = ", ".join(f"{count} {name}" for name, count in world.history.counts().items())
    print(f"history: {kills} kills, {counts}, {verdict.counts.total()} anomalies")
    if verdict.counts:
        world.history.write(work / "history.txt")
    return verdict


def assert_a_loss_is_noticed(world):
    """A clean verdict says something of this history: with one record erased it is another."""
    send = next(o for o in world.history
                if isinstance(o, Send) and o.place[0] == PLAIN and o.offset is not None)
    for poll in world.history:
        if isinstance(poll, Poll):
            poll.records = [record for record in poll.records if record[2] != send.value]
    verdict = check(world.history)
    assert verdict.counts == {"lost-write": 1}, verdict


def rounds(kills):
    return [min(KILLS_MAX, kills - before) for before in range(0, kills, KILLS_MAX)]


@pytest.mark.parametrize("number, kills", list(enumerate(rounds(KILLS))))
def test_the_history_of_many_clients_is_clean_over_kills(make_broker, work, number, kills):
    seed = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    print(f"history: VARVE_SEED={seed}")
    chance = random.Random(seed + number)
    broker = make_broker(SETTINGS)
    world = make_world(broker, chance)
    producers, movers, consumers = make_producers(world), make_movers(world), make_consumers(world)
    for client in producers + movers + consumers:
        client.start()
    kill_at_random_moments(broker, kills, (0.3, 2.0), chance)
    time.sleep(1)
    for client in producers:
        client.finish()
    wait_until_moved(world)
    for client in movers + consumers:
        client.finish()
    verdict = judge(world, work, kills)
    assert not verdict.counts, verdict
    counts = world.history.counts()
    assert counts["committed"] >= 5 * kills and counts["acknowledged"] >= 100 * kills, counts
    assert sum(mover.moved for mover in movers) >= 10 * kills
    assert_a_loss_is_noticed(world)
