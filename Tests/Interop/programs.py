"""Clients that are programs of their own: they are told events, and tell them, a line each."""
import json
import os
import subprocess
from pathlib import Path

from events import Event

HERE = Path(__file__).resolve().parent
SECONDS = 60
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Program:
    """One client; `options` go after what `write` is given, and `missing` says why the client
    cannot be run here, or is None."""

    def __init__(self, name, start, options=(), codecs=CODECS, missing=None):
        self.name = name
        # What the command begins with, when it is needed.
        self.start = start
        self.options = list(options)
        self.codecs = codecs
        self.missing = missing

    def command(self, verb, *arguments):
        return [*map(str, self.start()), verb, *map(str, arguments)]

    def run(self, verb, *arguments, events=None):
        lines = "".join(line(event) for event in events or [])
        result = subprocess.run(
            self.command(verb, *arguments), input=lines, text=True, capture_output=True,
            timeout=SECONDS)
        assert result.returncode == 0, f"{self.name} {verb}: {result.stderr}"
        return result.stdout

    def report(self, verb, *arguments):
        """What a verb tells in one line of JSON."""
        return json.loads(self.run(verb, *arguments))

    def write(self, bootstrap, topic, events, codec="none"):
        written = parse(
            self.run("write", bootstrap, topic, codec, *self.options, events=events))
        assert len(written) == len(events)
        for event, found in zip(events, written):
            event.offset, event.partition = found.offset, found.partition
        return events

    def read(self, bootstrap, topic, partition=0):
        return parse(self.run("read", bootstrap, topic, partition))


# The lines; go/events/events.go tells what is in them.

def coded(content):
    return "-" if content is None else "x" + content.hex()


def decoded(text):
    return None if text == "-" else bytes.fromhex(text[1:])


def line(event):
    headers = ",".join(
        f"{coded(name.encode())}={coded(value)}" for name, value in event.headers) or "-"
    timestamp = -1 if event.timestamp is None else event.timestamp
    offset = -1 if event.offset is None else event.offset
    return (f"{event.partition} {offset} {timestamp} {coded(event.key)} {coded(event.value)} "
            f"{headers}\n")


def parse(output):
    events = []
    for text in output.splitlines():
        partition, offset, timestamp, key, value, headers = text.split(" ")
        pairs = [header.split("=") for header in headers.split(",")] if headers != "-" else []
        events.append(Event(
            decoded(value), decoded(key),
            [(decoded(name).decode(), decoded(content)) for name, content in pairs],
            int(timestamp), int(partition), int(offset)))
    return events


# Debian's own: librdkafka through python3-confluent-kafka, and kafka-python. Both are older than
# PyPI's, and run by the Python that they are made for.

DEBIAN_PYTHON = Path("/usr/bin/python3")


def missing(module, package):
    if not DEBIAN_PYTHON.exists():
        return f"there is no {DEBIAN_PYTHON}"
    found = subprocess.run(
        [DEBIAN_PYTHON, "-c", f"import {module}"], capture_output=True,
        env={**os.environ, "PYTHONPATH": ""})
    return None if found.returncode == 0 else f"Debian's {package} is not installed"


def debian(name, program, module, package, options=(), codecs=CODECS):
    return Program(
        name, lambda: [DEBIAN_PYTHON, HERE / program], options, codecs, missing(module, package))


DEBIANS = [
    debian("librdkafka-debian", "debian_librdkafka.py", "confluent_kafka",
           "python3-confluent-kafka"),
    debian("librdkafka-debian-idempotent", "debian_librdkafka.py", "confluent_kafka",
           "python3-confluent-kafka", ["idempotent"], ["none", "lz4"]),
    debian("kafka-python-debian", "debian_kafka_python.py",
           "kafka, lz4.frame, snappy, zstandard", "python3-kafka (with lz4, snappy, zstandard)"),
]
