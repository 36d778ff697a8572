"""The history checker against a broker that does wrong: a proxy lies to real clients of a real
broker, and the checker says what it was. And nothing, where the proxy is honest."""
import random

import confluent_kafka
import pytest

from broker import free_port
from clients import create_topic
from history import READ_COMMITTED, READ_UNCOMMITTED, History, Process
from history_checker import check
from history_client import PARTITIONS, SECONDS, World, padded
from history_consumers import ask_ends, read_to_the_end
from history_transactions import Transactional
from lying_proxy import LyingProxy

TOPIC = "lied-about"


@pytest.fixture
def proxy(make_broker):
    port = free_port()
    broker = make_broker(extra=["--advertised", f"127.0.0.1:{port}"])
    proxy = LyingProxy(port, broker.port, TOPIC)
    yield proxy
    proxy.close()


@pytest.fixture
def world(proxy):
    world = World(f"127.0.0.1:{proxy.listener.getsockname()[1]}", History(), random.Random(1))
    create_topic(world.bootstrap, TOPIC, PARTITIONS)
    return world


def produce(world, proxy, lie, count, at):
    """`count` records, one at a time, without retries; the lie is about the one numbered `at`."""
    process = Process("producer")
    producer = confluent_kafka.Producer({
        "bootstrap.servers": world.bootstrap, "acks": "all", "enable.idempotence": False,
        "retries": 0})
    for number in range(count):
        if number == at:
            proxy.lie(lie)
        send = world.history.send(process, (TOPIC, 0), f"p{number}")

        def done(error, message, send=send):
            assert error is None, error
            send.acknowledge(message.offset())

        producer.produce(TOPIC, padded(send.value), partition=0, on_delivery=done)
        assert producer.flush(SECONDS) == 0


def transact(world, proxy, lie):
    """Three transactions; the second is aborted, and the lie is about the third."""
    client = Transactional(world, "transactional", [TOPIC])
    producer = client.new_producer()
    for number in range(3):
        transaction = client.begin(producer)
        for place in client.places:
            if number == 2 and place == client.places[1] and lie == "swallow":
                proxy.lie(lie)
            client.send(producer, transaction, place)
            assert producer.flush(SECONDS) == 0
        if number == 1:
            producer.abort_transaction(SECONDS)
            transaction.end("fail")
            continue
        if number == 2 and lie != "swallow":
            proxy.lie(lie)
        assert client.commit(producer, transaction)


def judge(world, seconds=SECONDS):
    places = world.places(TOPIC)
    ask_ends(world, places, seconds)
    for isolation in (READ_UNCOMMITTED, READ_COMMITTED):
        read_to_the_end(world, places, isolation)
    return check(world.history)


@pytest.mark.parametrize("lie, at, anomalies", [
    ("honest", 0, {}),
    # What comes next is acknowledged at the offset that was made up.
    ("swallow", 4, {"lost-write": 1, "inconsistent-offset": 1}),
    ("swallow", 9, {"unseen": 1}),
    ("duplicate", 4, {"duplicate": 1}),
    ("zero", 4, {"spurious-offset": 1}),
])
def test_lies_about_single_records_are_found(world, proxy, lie, at, anomalies):
    produce(world, proxy, lie, 10, at)
    verdict = judge(world)
    assert verdict.counts == anomalies, verdict
    assert proxy.told == ([] if lie == "honest" else [lie])


@pytest.mark.parametrize("lie, anomalies", [
    ("honest", {}),
    ("swallow", {"torn-transaction": 1}),
    ("abort", {"lost-transaction": 1}),
    # Three records of the one transaction that was aborted.
    ("leak", {"aborted-read": PARTITIONS}),
    ("hang", {"lost-transaction": 1, "hanging-transaction": PARTITIONS}),
])
def test_lies_about_transactions_are_found(world, proxy, lie, anomalies):
    transact(world, proxy, lie)
    verdict = judge(world, seconds=1)
    assert verdict.counts == anomalies, verdict
    assert set(proxy.told) == (set() if lie == "honest" else {lie})
