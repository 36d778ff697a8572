"""kill -9 of each worker, and of the broker, at random moments: every event arrives, and in the
sinks that can tell it arrives once.

VARVE_KILLS is how often each is killed: 3 unless it is set."""
import os
import random
import signal
import threading
import time

import checks
from deployment import wait_until
from feed import PARTITIONS, Feed
from sinks import Archive, SQLite
from stubs import Elasticsearch, Splunk, Syslog, cef_extension

KILLS = int(os.environ.get("VARVE_KILLS", "3"))
SEED = int(os.environ.get("VARVE_SEED", random.SystemRandom().randrange(1 << 32)))


class Killer(threading.Thread):
    """Kills one process again and again: while it starts, joins its group, or delivers."""

    def __init__(self, deployment, name, start, rng, kills=KILLS):
        super().__init__(daemon=True)
        self.deployment, self.name, self.rng, self.kills = deployment, name, rng, kills
        self.begin = start
        self.failure = None
        self.start()

    def run(self):
        try:
            for _ in range(self.kills):
                # A life is about a second of joining, then work: most kills hit work.
                time.sleep(self.rng.uniform(0, 1) if self.rng.random() < 0.3
                           else self.rng.uniform(1, 3))
                self.deployment.kill(self.name)
                self.begin()
        except Exception as failure:
            self.failure = failure

    def finish(self):
        self.join(30 + 15 * self.kills)
        assert not self.is_alive(), f"{self.name} could not be killed {self.kills} times"
        if self.failure:
            raise self.failure


def test_every_event_survives_the_workers(deploy, stub, work, tell):
    print(f"VARVE_SEED={SEED}")
    rng = random.Random(SEED)
    search, archive = SQLite(work), Archive(work)
    elastic, splunk, siem = stub(Elasticsearch), stub(Splunk), stub(Syslog)
    sinks = [search, archive, elastic, splunk, siem]
    deployment = deploy(
        [{**sink.worker, "topics": ["events"]} for sink in sinks],
        topics=[{"name": "events", "partitions": PARTITIONS}],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", rng)
    killers = [
        Killer(
            deployment, sink.worker["name"],
            lambda name=sink.worker["name"]: deployment.start_worker(name),
            random.Random(rng.random()))
        for sink in sinks]
    for killer in killers:
        killer.finish()
    expected = feed.stop()
    assert len(expected) > 100 * KILLS

    checks.settle(deployment, sinks, len(expected))
    for sink in sinks:
        deployment.stop(sink.worker["name"])
    checks.same(search.contents(), expected, "search")
    checks.same(archive.contents(), expected, "archive")
    checks.same_documents(elastic, expected)
    checks.at_least_once(siem.identities(), expected, "siem")
    assert not siem.problems, siem.problems[:3]
    checks.at_least_once(
        [event["fields"]["varve_id"] for event in splunk.events], expected, "splunk")
    tell(f"{len(expected)} events, {KILLS} kills of each of {len(sinks)} workers; "
          f"elastic refused {elastic.conflicts} redeliveries")


def test_every_event_survives_the_broker(deploy, stub, work):
    print(f"VARVE_SEED={SEED}")
    rng = random.Random(SEED)
    search, archive, elastic = SQLite(work), Archive(work), stub(Elasticsearch)
    sinks = [search, archive, elastic]
    deployment = deploy(
        [{**sink.worker, "topics": ["events"]} for sink in sinks],
        topics=[{"name": "events", "partitions": PARTITIONS}],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", rng)
    Killer(deployment, "broker", deployment.start_broker, rng, min(KILLS, 10)).finish()
    expected = feed.stop()

    checks.settle(deployment, sinks, len(expected))
    for sink in sinks:
        deployment.stop(sink.worker["name"])
    checks.same(search.contents(), expected, "search")
    checks.same(archive.contents(), expected, "archive")
    checks.same_documents(elastic, expected)


def test_the_supervisor_starts_again_what_was_killed(deploy, stub, work):
    """The same under `varve up`, which nobody helps."""
    print(f"VARVE_SEED={SEED}")
    rng = random.Random(SEED)
    search, archive, elastic = SQLite(work), Archive(work), stub(Elasticsearch)
    sinks = [search, archive, elastic]
    deployment = deploy(
        [{**sink.worker, "topics": ["events"]} for sink in sinks], supervised=True,
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", rng)
    victims = [("worker", sink.worker["name"]) for sink in sinks] + [("broker",)]
    for victim in victims * max(1, KILLS // 3):
        wait_until(lambda: deployment.child(*victim), 45, f"{victim} is started again")
        # At any moment of its life, and not always while it starts.
        time.sleep(rng.uniform(0, 1.5))
        os.kill(deployment.child(*victim), signal.SIGKILL)
    wait_until(lambda: deployment.child("broker"), 30, "the broker is started again")
    wait_until(lambda: deployment.is_ready("up"), 30, "the broker is ready again")
    expected = feed.stop()
    checks.settle(deployment, sinks, len(expected))
    deployment.stop("up")
    checks.same(search.contents(), expected, "search")
    checks.same(archive.contents(), expected, "archive")
    checks.same_documents(elastic, expected)


def test_a_stopped_worker_delivers_nothing_twice(deploy, stub):
    """SIGTERM finishes what is in hand and commits it: even a sink that cannot tell a redelivery
    gets each event once, and in order."""
    rng = random.Random(SEED)
    siem = stub(Syslog)
    deployment = deploy(
        [{**siem.worker, "topics": ["events"]}],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", rng)
    for _ in range(max(2, KILLS // 5)):
        time.sleep(rng.uniform(0.5, 2))
        assert deployment.stop("siem") < 10
        deployment.start_worker("siem")
    expected = feed.stop()
    checks.settle(deployment, [siem], len(expected))
    deployment.stop("siem")
    identities = siem.identities()
    checks.at_least_once(identities, expected, "siem")
    checks.in_order(identities, "siem")
    assert not siem.problems
    for message in siem.messages[:50]:
        assert cef_extension(message)["msg"]
