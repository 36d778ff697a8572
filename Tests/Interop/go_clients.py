"""The Go clients behind the verbs of the tests: programs of ours (in go/) around sarama, kafka-go
and franz-go, built on first use; and KafkaJS, run by node.

sarama is Debian's (golang-github-shopify-sarama-dev). The others are taken from GitHub by
go/clients.sh, which Tools/test calls; VARVE_GO_CLIENTS names the directory.
"""
import os
import shutil
import subprocess
from pathlib import Path

from broker import ROOT
from programs import CODECS, Program

HERE = Path(__file__).resolve().parent
DIRECTORY = Path(os.environ.get("VARVE_GO_CLIENTS", ROOT / ".build/go-clients"))
DEBIAN = Path("/usr/share/gocode")
BUILD_SECONDS = 300


# What a newer sarama imports by names that Debian has other ones for, and that it is imported by.
NEWER = {
    "github.com/Shopify/sarama": DIRECTORY / "github/src/github.com/IBM/sarama",
    "github.com/eapache/queue": DEBIAN / "src/gopkg.in/eapache/queue.v1",
    "github.com/eapache/go-resiliency": DEBIAN / "src/gopkg.in/eapache/go-resiliency.v1",
}


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.resolve() != target.resolve():
        path.unlink(missing_ok=True)
        path.symlink_to(target)


def environment(program):
    """Our programs, and what they import: first from GitHub, except the old sarama, then from
    Debian."""
    own, newer = DIRECTORY / "own", DIRECTORY / "newer"
    link(own / "src/varve", HERE / "go")
    paths = [own, DEBIAN] if program == "sarama" else [own, DIRECTORY / "github", DEBIAN]
    if program == "sarama-newer":
        for name, target in NEWER.items():
            link(newer / "src" / name, target)
        paths.insert(0, newer)
    return {
        **os.environ, "GO111MODULE": "off", "GOFLAGS": "", "CGO_ENABLED": "0",
        "GOPATH": ":".join(map(str, paths)), "GOCACHE": str(DIRECTORY / "cache")}


def missing(*sources):
    """Why a program cannot be built; None when it can."""
    if shutil.which("go") is None:
        return "go is not installed (Debian: golang-go)"
    for source in sources:
        if not any((path / "src" / source).is_dir() for path in (DIRECTORY / "github", DEBIAN)):
            return f"the sources of {source} are not here (see go/clients.sh)"
    return None


_built = {}


def built(program):
    """The program's path; built the first time."""
    if program not in _built:
        binary = DIRECTORY / "bin" / program
        package, _, tag = program.partition("-")
        result = subprocess.run(
            ["go", "build", "-tags", tag, "-o", str(binary), f"varve/{package}"], text=True,
            capture_output=True, env=environment(program), timeout=BUILD_SECONDS)
        assert result.returncode == 0, result.stderr
        _built[program] = binary
    return _built[program]


KAFKAJS = DIRECTORY / "github/src/github.com/tulios/kafkajs"


def missing_kafkajs():
    if shutil.which("node") is None:
        return "node is not installed (Debian: nodejs)"
    return None if KAFKAJS.is_dir() else "the sources of KafkaJS are not here (see go/clients.sh)"


def client(name, program, *arguments, options=(), codecs=CODECS):
    return Program(
        name, lambda: [built(program), *arguments], options, codecs, MISSING[program])


MISSING = {
    "sarama": missing("github.com/Shopify/sarama"),
    "sarama-newer": missing(
        "github.com/IBM/sarama", "github.com/pierrec/lz4/internal/lz4stream",
        "github.com/jcmturner/gokrb5", "github.com/hashicorp/go-multierror",
        "gopkg.in/eapache/queue.v1"),
    "kafkago": missing(
        "github.com/segmentio/kafka-go/protocol", "github.com/pierrec/lz4/internal/lz4stream"),
    "franz": missing(
        "github.com/twmb/franz-go", "github.com/pierrec/lz4/internal/lz4stream",
        "golang.org/x/crypto"),
}
# Debian's sarama writes zstd in a version of Produce that Kafka refuses it in.
NO_ZSTD = [codec for codec in CODECS if codec != "zstd"]
# sarama speaks as to the version of Kafka that it is told.
CLIENTS = [
    client("sarama-0.11", "sarama", "0.11.0.0", codecs=["gzip"]),
    client("sarama-2.2", "sarama", "2.2.0", options=["idempotent"], codecs=NO_ZSTD),
    client("sarama-1.43", "sarama-newer", "3.6.0", options=["idempotent"]),
    client("kafka-go", "kafkago"),
    client("kafka-go-conn", "kafkago", options=["conn"], codecs=["none", "snappy"]),
    client("franz-go", "franz"),
    Program(
        "kafkajs",
        lambda: ["env", f"NODE_PATH={KAFKAJS.parent}", "node", HERE / "kafkajs/main.js"],
        codecs=["none", "gzip"], missing=missing_kafkajs()),
]
