"""Our segment files read by Kafka's rules, theirs read by us, and `varve log` beside a broker."""
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import kafka
import pytest
from kafka.record.memory_records import MemoryRecordsBuilder

from broker import BINARY, ROOT
from clients import CODECS, KafkaPython, create_topic
from events import varied
from segments import Segment, batches, segments

FIXTURES = ROOT / "Tests/Fixtures/Log"
KAFKA_CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
# How often `varve log verify` runs beside a loaded broker; the long run has hundreds.
VERIFICATIONS = int(os.environ.get("VARVE_VERIFICATIONS", "25"))


def varve(*arguments, status=0):
    result = subprocess.run(
        [str(BINARY), *map(str, arguments)], capture_output=True, timeout=120)
    assert result.returncode == status, (
        f"{arguments}: status {result.returncode}\n{result.stdout.decode(errors='replace')}\n"
        f"{result.stderr.decode(errors='replace')}")
    return result.stdout.decode(errors="replace")


def verify(data, status=0, *more):
    return json.loads(varve("log", "verify", "--data", data, "--json", *more, status=status))


def content(record):
    return (record.key, record.value, [(name, value) for name, value in record.headers])


def test_what_a_broker_writes_reads_by_kafkas_rules_in_every_codec(make_broker):
    broker = make_broker({"log.segment.bytes": "300000", "log.index.interval.bytes": "1000"})
    written = {}
    for codec in CODECS:
        topic = f"codec-{codec}"
        create_topic(broker.bootstrap, topic, 1)
        written[topic] = KafkaPython.write(
            broker.bootstrap, topic, varied(300, seed=len(codec)), codec=codec)
    broker.stop()
    data = broker.directory / "data"
    file_count = 0
    for topic, events in written.items():
        found, entry_count = [], 0
        files = segments(data / "topics" / topic / "0")
        for segment in files:
            records, entries, stamps = segment.check()
            found += records
            entry_count += len(entries) + len(stamps)
        events = sorted(events, key=lambda event: event.offset)
        assert [record.offset for record in found] == [event.offset for event in events]
        assert [content(record) for record in found] == [event.content() for event in events]
        assert [record.timestamp for record in found] == [event.timestamp for event in events]
        assert entry_count > 5, topic
        file_count += len(files)
        # And the dump says the same of each record.
        lines = varve(
            "log", "dump", "--data", data, "--topic", topic, "--print-data-log", "--json")
        lines = [json.loads(line) for line in lines.splitlines()]
        dumped = [line for line in lines if line["type"] == "record"]
        assert [line["offset"] for line in dumped] == [event.offset for event in events]
        assert [line["valueSize"] for line in dumped] == [
            -1 if event.value is None else len(event.value) for event in events]
        for line in lines:
            if line["type"] == "batch":
                assert line["isvalid"] and line["compresscodec"] in ("none", topic[6:])
    assert file_count > len(written), "some topics have several segments"
    report = verify(data)
    assert report["clean"] and not report["notices"] and not report["running"]
    assert report["records"] == sum(map(len, written.values()))


@pytest.mark.parametrize("name", ["plain", "codecs"])
def test_the_golden_segments_read_by_kafkas_rules(name):
    lines = (FIXTURES / name / "dump.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in lines]
    found, entries, stamps = [], [], []
    for segment in segments(FIXTURES / name):
        more = segment.check()
        found += more[0]
        entries += more[1]
        stamps += more[2]
    assert [record.offset for record in found] == [
        line["offset"] for line in lines if line["type"] == "record"]
    for record, line in zip(found, [line for line in lines if line["type"] == "record"]):
        assert record.timestamp == line["timestamp"]
        assert (record.key or b"").decode() == (line["key"] or "")
        assert (record.value or b"").decode() == (line["value"] or "")
        assert [(key, value.decode()) for key, value in record.headers] == [
            (header["key"], header["value"]) for header in line["headers"]]
    assert entries == [
        (line["offset"], line["position"]) for line in lines if line["type"] == "index"]
    assert stamps == [
        (line["timestamp"], line["offset"]) for line in lines if line["type"] == "timeindex"]
    assert entries and stamps
    heads = [line for line in lines if line["type"] == "batch"]
    seen = [
        (position, fields["baseOffset"], fields["crc"], fields["baseSequence"])
        for segment in segments(FIXTURES / name) for position, fields, _ in batches(segment.data)]
    assert seen == [
        (head["position"], head["baseOffset"], head["crc"], head["baseSequence"])
        for head in heads]


@pytest.mark.parametrize("name", ["plain", "codecs"])
def test_the_command_dumps_the_golden_segments_in_kafkas_words(name):
    files = sorted(
        path.name for path in (FIXTURES / name).iterdir() if path.suffix not in (".txt", ".jsonl"))
    result = subprocess.run(
        [str(BINARY), "log", "dump", "--print-data-log", "--files", ",".join(files)],
        cwd=FIXTURES / name, capture_output=True, check=True)
    expected = (FIXTURES / name / "dump.txt").read_text()
    assert result.stdout.decode() == expected.replace(f"Dumping /{name}/", "Dumping ")
    assert not result.stderr


def kafka_segment(codec, count, base=0):
    """A segment as kafka-python's builder makes it, offsets set as a broker sets them."""
    data, offset, expected = b"", base, []
    while len(expected) < count:
        builder = MemoryRecordsBuilder(
            magic=2, compression_type=KAFKA_CODECS[codec], batch_size=1 << 20)
        size = len(expected) % 7 + 1
        for number in range(size):
            key = None if number % 3 == 2 else b"k%d" % len(expected)
            value = None if number % 5 == 4 else b"%s %d " % (codec.encode(), number) * 30
            headers = [("h", b"%d" % number)] if number % 2 else []
            builder.append(1_767_225_600_000 + len(expected), key, value, headers)
            expected.append((offset + number, key, value, headers))
        builder.close()
        batch = bytearray(builder.buffer())
        batch[0:8] = offset.to_bytes(8, "big")
        data += bytes(batch)
        offset += size
    return data, expected


@pytest.mark.parametrize("codec", CODECS)
def test_a_segment_that_kafka_python_built_is_opened_served_and_dumped(make_broker, codec):
    broker = make_broker()
    create_topic(broker.bootstrap, "foreign", 1)
    broker.stop()
    partition = broker.directory / "data/topics/foreign/0"
    assert not list(partition.glob("*.log"))
    built, expected = kafka_segment(codec, 200)
    path = partition / "00000000000000000000.log"
    path.write_bytes(built)
    broker.start()
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest",
        consumer_timeout_ms=5000, check_crcs=True)
    consumer.assign([kafka.TopicPartition("foreign", 0)])
    found = []
    for record in consumer:
        found.append((record.offset, record.key, record.value, list(record.headers)))
        if len(found) == len(expected):
            break
    consumer.close()
    assert found == expected
    assert path.read_bytes() == built, "not a byte of it is changed"
    broker.stop()
    assert path.read_bytes() == built
    lines = [
        json.loads(line)
        for line in varve("log", "dump", "--print-data-log", "--json", path).splitlines()]
    dumped = [
        (line["offset"], line["key"], line["value"]) for line in lines
        if line["type"] == "record"]
    assert dumped == [
        (offset, key and key.decode(), value and value.decode())
        for offset, key, value, _ in expected]
    assert all(line["isvalid"] for line in lines if line["type"] == "batch")
    Segment(path).check()
    assert verify(broker.directory / "data")["clean"]


def damage(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 0x10]))


def test_damage_is_found_planned_repaired_and_gone(make_broker):
    broker = make_broker({"log.segment.bytes": "50000"})
    create_topic(broker.bootstrap, "hurt", 1)
    KafkaPython.write(broker.bootstrap, "hurt", varied(200, seed=3, headers=False)[:90])
    broker.stop()
    data = broker.directory / "data"
    assert verify(data)["clean"]
    varve("log", "repair", "--data", data)
    target = segments(data / "topics/hurt/0")[0]
    places = [position for position, _, _ in batches(target.data)]
    damage(target.path, places[1] + 70)
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    report = verify(data, 1)
    assert [finding["kind"] for finding in report["findings"]] == ["batch-damaged"]
    assert report["findings"][0]["position"] == places[1]
    planned = json.loads(varve("log", "repair", "--data", data, "--json", status=1))
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert not planned["executed"] and len(planned["partitions"][0]["damages"]) == 1
    done = json.loads(varve("log", "repair", "--data", data, "--json", "--execute"))
    assert done.pop("executed") and not planned.pop("executed")
    assert done == planned, "what was said beforehand is what was done"
    kept = Path(done["partitions"][0]["damages"][0]["quarantine"]).read_bytes()
    assert kept == before[target.path][places[1]:places[1] + len(kept)]
    report = verify(data)
    assert len(report["quarantine"]) == 1
    varve("log", "repair", "--data", data)
    broker.start()
    read = KafkaPython.read(broker.bootstrap, "hurt")
    assert 0 < len(read) < 90


def test_a_directory_in_use_is_verified_but_not_repaired(make_broker):
    broker = make_broker()
    create_topic(broker.bootstrap, "busy", 1)
    KafkaPython.write(broker.bootstrap, "busy", varied(20, seed=4))
    data = broker.directory / "data"
    assert verify(data)["running"]
    result = subprocess.run(
        [str(BINARY), "log", "repair", "--data", str(data), "--execute"], capture_output=True)
    assert result.returncode == 1
    assert str(broker.process.pid) in result.stderr.decode()
    broker.assert_alive()


def test_a_running_broker_mends_its_own_damage_on_command(make_broker):
    broker = make_broker({"log.segment.bytes": "30000"})
    create_topic(broker.bootstrap, "hurt", 1)
    events = varied(200, seed=5, headers=False)[:90]
    for start in range(0, 90, 10):
        KafkaPython.write(broker.bootstrap, "hurt", events[start:start + 10])
    data, http = broker.directory / "data", f"127.0.0.1:{broker.http_port}"
    assert "nothing to repair" in varve("log", "repair", "--data", data, "--http", http)
    target = segments(data / "topics/hurt/0")[0]
    place = list(batches(target.data))[1][0]
    damage(target.path, place + 70)
    before = target.path.read_bytes()
    planned = varve("log", "repair", "--data", data, "--http", http, status=1)
    assert planned.startswith("batch-damaged") and target.path.read_bytes() == before
    done = varve("log", "repair", "--data", data, "--http", http, "--execute")
    assert "corruption" in done and "1 damaged range set aside" in done
    assert len(list((data / "quarantine").glob("*.bytes"))) == 1
    report = verify(data)
    assert report["clean"] and report["running"] and len(report["quarantine"]) == 1
    assert 0 < len(KafkaPython.read(broker.bootstrap, "hurt")) < 90
    broker.stop()
    assert verify(data)["clean"]


def test_verifying_beside_a_loaded_broker_never_raises_a_false_alarm(make_broker):
    broker = make_broker({
        "log.segment.bytes": "20000", "log.retention.ms": "1500",
        "log.retention.check.interval.ms": "100", "log.index.interval.bytes": "500",
        "num.partitions": "2"})
    data = broker.directory / "data"
    create_topic(broker.bootstrap, "load", 2)
    create_topic(broker.bootstrap, "compacted", 1, {"cleanup.policy": "compact"})
    stop = threading.Event()
    failures = []

    def produce(number):
        try:
            producer = kafka.KafkaProducer(
                bootstrap_servers=broker.bootstrap, linger_ms=2,
                compression_type=[None, "lz4", "gzip"][number % 3])
            topic = "compacted" if number == 2 else "load"
            count = 0
            while not stop.is_set():
                for _ in range(20):
                    producer.send(
                        topic, key=b"key-%d" % (count % 50), value=os.urandom(100 + count % 900))
                    count += 1
                producer.flush()
                time.sleep(0.005)
            producer.close()
        except Exception as error:  # noqa: BLE001: told by the test's own thread
            failures.append(error)

    def churn():
        admin = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        number = 0
        while not stop.is_set():
            create_topic(broker.bootstrap, f"short-{number}", 1)
            KafkaPython.write(broker.bootstrap, f"short-{number}", varied(30, seed=number)[:10])
            admin.delete_topics([f"short-{number}"])
            number += 1
        admin.close()

    threads = [threading.Thread(target=produce, args=(number,)) for number in range(3)]
    threads.append(threading.Thread(target=churn))
    for thread in threads:
        thread.start()
    alarms, reads, bases, rounds = [], 0, set(), 0
    # Until retention has been at work too, however fast the machine verifies.
    deadline = time.monotonic() + 120
    try:
        while rounds < VERIFICATIONS or (len(bases) <= 2 and time.monotonic() < deadline):
            rounds += 1
            result = subprocess.run(
                [str(BINARY), "log", "verify", "--data", str(data), "--json"],
                capture_output=True, timeout=120)
            report = json.loads(result.stdout)
            if result.returncode != 0:
                alarms.append(report["findings"])
            reads += report["batches"]
            names = sorted(path.name for path in (data / "topics/load/0").glob("*.log"))
            bases.update(names[:1])
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not failures and not alarms
    assert reads > VERIFICATIONS and len(bases) > 2, "retention was at work meanwhile"
    # Topics come and go under load, and that is no failure either.
    assert "partition offline" not in broker.log_path.read_text()
    # And what is really damaged below the mark is found, while the broker runs.
    time.sleep(0.5)
    broker.stop()
    assert verify(data)["clean"]
