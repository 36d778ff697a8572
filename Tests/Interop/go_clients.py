"""The Go clients behind the verbs of the tests: programs of ours (in go/) around sarama, kafka-go
and franz-go, built on first use. Why one cannot be, where its sources are not here, is in `MISSING`.

sarama is Debian's (golang-github-shopify-sarama-dev). The others are taken from GitHub by
go/clients.sh, which Tools/test calls; VARVE_GO_CLIENTS names the directory.
"""
import json
import os
import shutil
import subprocess
from pathlib import Path

from broker import ROOT
from events import Event

HERE = Path(__file__).resolve().parent
DIRECTORY = Path(os.environ.get("VARVE_GO_CLIENTS", ROOT / ".build/go-clients"))
DEBIAN = Path("/usr/share/gocode")
SECONDS = 60
BUILD_SECONDS = 300


class GoClient:
    """One client; `arguments` go before the verb, and `options` after what `write` is given."""

    def __init__(self, name, program, arguments=(), options=(), codecs=None):
        self.name = name
        self.program = program
        self.arguments = list(arguments)
        self.options = list(options)
        self.codecs = codecs or ["none", "gzip", "snappy", "lz4", "zstd"]

    def command(self, verb, *arguments):
        return [str(built(self.program)), *self.arguments, verb, *map(str, arguments)]

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


def coded(content):
    return "-" if content is None else "x" + content.hex()


def decoded(text):
    return None if text == "-" else bytes.fromhex(text[1:])


def line(event):
    headers = ",".join(
        f"{coded(name.encode())}={coded(value)}" for name, value in event.headers) or "-"
    timestamp = -1 if event.timestamp is None else event.timestamp
    return (f"{event.partition} -1 {timestamp} {coded(event.key)} {coded(event.value)} "
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


def environment(program):
    """Our programs, and what they import: first from GitHub, except sarama, then from Debian."""
    own = DIRECTORY / "own"
    link = own / "src" / "varve"
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.resolve() != HERE / "go":
        link.unlink(missing_ok=True)
        link.symlink_to(HERE / "go")
    paths = [own, DEBIAN] if program == "sarama" else [own, DIRECTORY / "github", DEBIAN]
    return {
        **os.environ, "GO111MODULE": "off", "GOFLAGS": "",
        "GOPATH": ":".join(map(str, paths)), "GOCACHE": str(DIRECTORY / "cache")}


def missing(program, *sources):
    """Why a program cannot be built; None when it can."""
    if shutil.which("go") is None:
        return "go is not installed (Debian: golang-go)"
    for source in sources:
        if not any((path / "src" / source).is_dir() for path in (DIRECTORY / "github", DEBIAN)):
            return f"the sources of {source} are not here (see go/clients.sh)"
    return None


MISSING = {
    "sarama": missing("sarama", "github.com/Shopify/sarama"),
    "kafkago": missing(
        "kafkago", "github.com/segmentio/kafka-go/protocol", "github.com/pierrec/lz4/internal"),
    "franz": missing(
        "franz", "github.com/twmb/franz-go", "github.com/pierrec/lz4/internal",
        "golang.org/x/crypto"),
}
_built = {}


def built(program):
    """The program's path; built the first time."""
    if program not in _built:
        binary = DIRECTORY / "bin" / program
        result = subprocess.run(
            ["go", "build", "-o", str(binary), f"varve/{program}"], text=True,
            capture_output=True, env=environment(program), timeout=BUILD_SECONDS)
        assert result.returncode == 0, result.stderr
        _built[program] = binary
    return _built[program]


# sarama speaks as to the version of Kafka that it is told; Filebeat tells 1.0.0 where nothing is
# configured. Debian's sarama writes zstd in a version of Produce that Kafka refuses it in.
NO_ZSTD = ["none", "gzip", "snappy", "lz4"]
CLIENTS = [
    GoClient("sarama-0.11", "sarama", ["0.11.0.0"], codecs=NO_ZSTD),
    GoClient("sarama-2.2", "sarama", ["2.2.0"], ["idempotent"], codecs=NO_ZSTD),
    GoClient("kafka-go", "kafkago"),
    GoClient("kafka-go-conn", "kafkago", options=["conn"]),
    GoClient("franz-go", "franz"),
]
