"""The whole way: kcat writes lines, and they come out of every sink, counts and contents equal.

VARVE_EVENTS_ZIP names a zip of files with one event a line; without it the test makes 4000."""
import random
import shutil
import subprocess
import time
from collections import Counter

import pytest

import checks
from deployment import wait_until
from feed import PARTITIONS, read_topic, real_lines, synthetic
from sinks import Archive, SQLite
from stubs import Elasticsearch, Splunk, Syslog, cef_extension

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
SECONDS = 600
LARGE = {"batch": {"events": 1000, "ageMilliseconds": 200}}


def test_every_line_reaches_every_sink(deploy, stub, work, tell):
    rng = random.Random(11)
    lines = real_lines() or [synthetic(number, rng).encode() for number in range(4000)]
    search, archive = SQLite(work), Archive(work)
    elastic = stub(Elasticsearch, bytes_max=100 << 20)
    splunk, siem = stub(Splunk), stub(Syslog)
    sinks = [search, siem, archive, elastic, splunk]
    deployment = deploy(
        [{**sink.worker, **LARGE, "topics": ["events"]} for sink in sinks],
        settings={"num.partitions": PARTITIONS})

    begun = time.monotonic()
    kcat = subprocess.run(
        ["kcat", "-b", deployment.bootstrap, "-P", "-t", "events", "-z", "lz4",
         "-X", "message.max.bytes=10000000"],
        input=b"\n".join(lines) + b"\n", capture_output=True, timeout=SECONDS)
    assert kcat.returncode == 0, kcat.stderr.decode()
    written = time.monotonic() - begun
    took = {}
    left = list(sinks)
    while left:
        for sink in list(left):
            if sink.count() >= len(lines):
                took[sink.worker["name"]] = time.monotonic() - begun
                left.remove(sink)
        assert time.monotonic() - begun < SECONDS, (
            f"{[(sink.worker['name'], sink.count()) for sink in left]} of {len(lines)}")
        time.sleep(0.2)

    for sink in sinks:
        name = sink.worker["name"]
        wait_until(lambda: deployment.lag(name) == 0, 30, f"{name} has committed everything")
        deployment.stop(name)
    logged = {
        f"{message.topic()}-{message.partition()}-{message.offset()}": message.value()
        for message in read_topic(deployment.bootstrap, "events", SECONDS)}
    assert Counter(logged.values()) == Counter(lines)
    checks.same(search.contents(), logged, "search")
    checks.same(archive.contents(), logged, "archive")
    checks.same_documents(elastic, logged)
    check_siem(siem, logged)
    found = [event["fields"]["varve_id"] for event in splunk.events]
    assert sorted(found) == sorted(logged)

    megabytes = sum(map(len, lines)) / 1e6
    tell(
        f"{len(lines)} events, {megabytes:.1f} MB: kcat wrote them in {written:.1f} s; all were in "
        + ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in took.items()))


def check_siem(siem, logged):
    """Every event once and in order, well framed, and its words are the event's own."""
    assert not siem.problems
    identities = siem.identities()
    checks.in_order(identities, "siem")
    assert sorted(identities) == sorted(logged)
    for message in siem.messages[:: max(1, len(siem.messages) // 500)]:
        fields = cef_extension(message)
        value = logged[fields["externalId"]].decode()
        if not value.lstrip().startswith("{"):
            assert fields["msg"] == value
