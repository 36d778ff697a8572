"""A sink that refuses for a while: the others and ingest go on unharmed, the refusing one catches
up, and what it refuses for good is in its dead-letter topic, whole.

VARVE_REFUSE_SECONDS is how long each refusal lasts: 3 unless it is set."""
import os
import random
import time

import checks
from deployment import wait_until
from feed import PARTITIONS, Feed, read_topic, synthetic
from sinks import Archive, SQLite
from stubs import Elasticsearch, Splunk, Syslog

SECONDS = float(os.environ.get("VARVE_REFUSE_SECONDS", "3"))
SEED = int(os.environ.get("VARVE_SEED", random.SystemRandom().randrange(1 << 32)))
# An acknowledgement waits for one fdatasync; on a busy machine that may take a while.
ACKNOWLEDGED_SECONDS = 3
BEHIND_SECONDS = 10
POISON = "p-o-i-s-o-n"


def with_poison(number, rng):
    """Every 61st event is one that the sink will never take."""
    if number % 61 == 60:
        return f'{{"@timestamp":"2026-01-01T00:00:00Z","message":"{POISON} {number}"}}'
    return synthetic(number, rng)


def is_poison(value):
    return POISON.encode() in value


def keeps_up(sink, feed, what):
    """The sink gets what has been acknowledged by now."""
    acknowledged = len(feed.acknowledged)
    wait_until(
        lambda: sink.count() >= acknowledged, BEHIND_SECONDS,
        f"{sink.worker['name']} keeps up while {what}", pause=0.1)


def check_dead_letters(deployment, worker, topic, poisoned, status):
    """The letters of `worker` are the poisoned events with their bytes, and say why."""
    letters = {}
    for message in read_topic(deployment.bootstrap, f"{worker}.dead-letter"):
        headers = {name: value.decode() for name, value in message.headers()}
        identity = "-".join(
            headers[f"__connect.errors.{part}"] for part in ("topic", "partition", "offset"))
        letters[identity] = message.value()
        assert headers["__connect.errors.connector.name"] == worker
        assert headers["__connect.errors.stage"] == "TASK_PUT"
        assert headers["__connect.errors.topic"] == topic
        assert str(status) in headers["varve.http.status"]
        assert headers["varve.reason"]
    checks.same(letters, poisoned, "the dead-letter topic")
    return headers


def test_elasticsearch_refuses_and_nobody_else_notices(deploy, stub, work):
    print(f"VARVE_SEED={SEED}")
    search, archive = SQLite(work), Archive(work)
    elastic = stub(Elasticsearch, poison=POISON.encode())
    deployment = deploy(
        [{**sink.worker, "topics": ["events"]} for sink in (search, archive, elastic)],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", random.Random(SEED), make=with_poison)
    wait_until(lambda: elastic.count() > 100, 20, "elastic takes events at first")

    for fault in ["connections are refused", 503, 429, "items"]:
        before = elastic.count()
        if fault == "connections are refused":
            elastic.refuse()
        else:
            elastic.fault = fault
        begun = time.monotonic()
        while time.monotonic() - begun < SECONDS:
            time.sleep(0.2)
        if fault != "items":
            # What was under way when the fault began may still have been stored.
            assert elastic.count() <= before + 2000
        keeps_up(search, feed, f"elastic answers {fault}")
        keeps_up(archive, feed, f"elastic answers {fault}")
        if fault == "connections are refused":
            elastic.open()
        elastic.fault = None
        healthy = [value for value in list(feed.acknowledged.values()) if not is_poison(value)]
        wait_until(
            lambda: elastic.count() >= len(healthy), 30, f"elastic catches up after {fault}")

    expected = feed.stop()
    assert feed.slowest < ACKNOWLEDGED_SECONDS, f"an acknowledgement took {feed.slowest:.1f} s"
    poisoned = {key: value for key, value in expected.items() if is_poison(value)}
    healthy = {key: value for key, value in expected.items() if not is_poison(value)}
    assert len(poisoned) > 5
    checks.settle(deployment, [elastic], len(healthy))
    checks.settle(deployment, [search, archive], len(expected))
    checks.same_documents(elastic, healthy)
    checks.same(search.contents(), expected, "search")
    checks.same(archive.contents(), expected, "archive")
    headers = check_dead_letters(deployment, "elastic", "events", poisoned, 400)
    assert "document_parsing_exception" in headers["varve.reason"]
    assert {503, 429} <= set(elastic.requests)


def test_elasticsearch_that_calls_requests_too_large_gets_smaller_ones(deploy, stub):
    elastic = stub(Elasticsearch, bytes_max=20_000)
    worker = {
        **elastic.worker, "topics": ["events"],
        "batch": {"events": 1000, "ageMilliseconds": 300}}
    deployment = deploy([worker], settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", random.Random(SEED), rate=1000)
    time.sleep(2)
    expected = feed.stop()
    checks.settle(deployment, [elastic], len(expected))
    checks.same_documents(elastic, expected)
    assert elastic.requests[413] > 0


def test_splunk_refuses_and_catches_up(deploy, stub, work):
    search, splunk = SQLite(work), stub(Splunk, poison=POISON)
    deployment = deploy(
        [{**sink.worker, "topics": ["events"]} for sink in (search, splunk)],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", random.Random(SEED), make=with_poison)
    wait_until(lambda: splunk.count() > 100, 20, "splunk takes events at first")
    # A bad token pauses the sink until somebody has put it right; nothing is dropped meanwhile.
    for fault in ["busy", "token", "error", "queue"]:
        splunk.fault = fault
        time.sleep(SECONDS / 2)
        keeps_up(search, feed, f"splunk answers {fault}")
        splunk.fault = None
        healthy = [value for value in list(feed.acknowledged.values()) if not is_poison(value)]
        wait_until(
            lambda: splunk.count() >= len(healthy), 30, f"splunk catches up after {fault}")
    expected = feed.stop()
    poisoned = {key: value for key, value in expected.items() if is_poison(value)}
    healthy = expected.keys() - poisoned.keys()
    checks.settle(deployment, [splunk], len(healthy))
    checks.settle(deployment, [search], len(expected))
    found = [event["fields"]["varve_id"] for event in splunk.events]
    assert sorted(found) == sorted(healthy), "every event but the poisoned ones, once"
    check_dead_letters(deployment, "splunk", "events", poisoned, 400)


def test_syslog_receiver_goes_and_comes_back(deploy, stub, work):
    search, siem = SQLite(work), stub(Syslog)
    deployment = deploy(
        [{**sink.worker, "topics": ["events"]} for sink in (search, siem)],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", random.Random(SEED))
    wait_until(lambda: siem.count() > 100, 20, "the receiver gets messages at first")
    siem.refuse()
    gone = len(siem.messages)
    time.sleep(SECONDS)
    keeps_up(search, feed, "the receiver is away")
    siem.open()
    expected = feed.stop()
    wait_until(lambda: deployment.lag("siem") == 0, 60, "siem has committed everything")
    # Plain TCP says nothing of what lay in the socket when the receiver went: what was sent after
    # its return must all be there, and what is missing was sent before.
    wait_until(
        lambda: len(set(siem.identities())) > gone, 30, "messages come again")
    time.sleep(1)
    missing = expected.keys() - set(siem.identities())
    assert len(missing) <= 2 * 200 * 2, f"{len(missing)} of {len(expected)} never came"
    assert not siem.problems, siem.problems[:3]
