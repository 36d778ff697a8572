"""Kafka's own Java client: producer, consumer and admin client against the broker.

KAFKA_HOME names an unpacked Kafka distribution (libs/kafka-clients-*.jar and what it needs), 3.9 or
later; without it, or without a JDK, these tests are skipped. Tools/java-clients sees to both. The
cases themselves are in java/*.java, in java4/*.java those that a client before 4.1 cannot run, and
in javastreams/*.java those for which libs must have Kafka Streams too.
"""
import queue
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from broker import Broker, free_port
from certificates import Authority
from kafka_home import class_path, client_version, has, needs_client, needs_jdk

HERE = Path(__file__).parent
# A case gives up by itself, and tells why, before this.
CASE_SECONDS = 120
# Members of the newer group protocol are told what changed twice a second and not each 5 s.
SETTINGS = {
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "500",
}


IS_NEW = (client_version() or (0, 0)) >= (4, 1)
HAS_STREAMS = has("kafka-streams")
pytestmark = [needs_client, needs_jdk]


def cases(source):
    """The cases of a class, as "Class.method"."""
    text = (HERE / source).read_text()
    names = re.findall(r"@Case\s+static void (\w+)", text)
    return [f"{Path(source).stem}.{name}" for name in names]


class Java:
    """The Java machine that runs the cases, one after another."""

    def __init__(self, directory, *flags):
        directory.mkdir(parents=True, exist_ok=True)
        sources = [
            *HERE.glob("java/*.java"), *(HERE.glob("java4/*.java") if IS_NEW else []),
            *(HERE.glob("javastreams/*.java") if HAS_STREAMS else [])]
        compiled = subprocess.run(
            ["javac", "-nowarn", "-d", directory, "-cp", class_path(), *sources],
            capture_output=True, text=True)
        assert compiled.returncode == 0, compiled.stderr
        self.errors = directory / "stderr"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                ["java", "-XX:TieredStopAtLevel=1", *flags,
                 "-cp", class_path(directory), "Runner"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def begin(self, case, bootstrap):
        self.process.stdin.write(f"{case} {bootstrap}\n")
        self.process.stdin.flush()

    def end(self):
        said = []
        while True:
            line = self.lines.get(timeout=CASE_SECONDS)
            assert line is not None, f"the Java machine ended: {self.errors.read_text()[-4000:]}"
            if line == "= passed":
                return
            if line == "= failed":
                pytest.fail("\n".join(said), pytrace=False)
            said.append(line)

    def run(self, case, bootstrap):
        self.begin(case, bootstrap)
        self.end()

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("java-authority"))
    authority.store("client")
    return authority


@pytest.fixture(scope="module")
def java(tmp_path_factory, certificates):
    machine = Java(
        tmp_path_factory.mktemp("java") / "classes",
        f"-Dvarve.test.certificates={certificates.directory}")
    yield machine
    machine.stop()


@pytest.fixture
def quick_broker(make_module_broker):
    return make_module_broker({})


@pytest.fixture(scope="module")
def make_module_broker(tmp_path_factory):
    """Brokers that the cases of this module share, one for each set of settings."""
    brokers = {}

    def make(settings):
        key = tuple(sorted(settings.items()))
        if key not in brokers:
            directory = tmp_path_factory.mktemp("java-broker")
            brokers[key] = Broker(directory, {**SETTINGS, **settings}).start()
        brokers[key].assert_alive()
        return brokers[key]

    yield make
    for broker in brokers.values():
        broker.stop()


@pytest.mark.parametrize("case", cases("java/ProducerCases.java"))
def test_producer(java, quick_broker, case):
    java.run(case, quick_broker.bootstrap)


@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize("case", cases("java/TransactionCases.java"))
def test_transactions(java, make_module_broker, case, version):
    broker = make_module_broker({"varve.transaction.version": version} if version != "0" else {})
    java.run(case, broker.bootstrap)


@pytest.mark.parametrize("case", cases("java/ConsumerCases.java"))
def test_consumer(java, quick_broker, case):
    java.run(case, quick_broker.bootstrap)


@pytest.mark.parametrize("case", cases("java/MigrationCases.java"))
def test_migration(java, quick_broker, case):
    java.run(case, quick_broker.bootstrap)


@pytest.mark.parametrize("case", cases("java/AdminCases.java"))
def test_admin(java, quick_broker, case):
    java.run(case, quick_broker.bootstrap)


@pytest.mark.skipif(not IS_NEW, reason="the client is older than 4.1")
@pytest.mark.parametrize("case", cases("java4/Kafka4Cases.java"))
def test_kafka4(java, quick_broker, case):
    java.run(case, quick_broker.bootstrap)


@pytest.mark.parametrize("case", cases("java/SecureCases.java"))
def test_ssl(java, make_broker, certificates, case):
    port = free_port()
    make_broker(
        {"ssl.keystore.location": certificates.store("broker"), "ssl.client.auth": "required",
         "ssl.truststore.location": certificates.certificate},
        extra=["--listen", f"SSL://127.0.0.1:{port}"])
    java.run(case, f"localhost:{port}")


def run_amid_kills(java, broker, case):
    java.begin(case, broker.bootstrap)
    for _ in range(4):
        time.sleep(3)
        broker.kill()
        broker.start()
    java.end()
    broker.assert_alive()


@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize("case", cases("java/KillCases.java"))
def test_kills(java, make_broker, case, version):
    run_amid_kills(
        java, make_broker({**SETTINGS, "varve.transaction.version": version}), case)


@pytest.mark.skipif(not HAS_STREAMS, reason="KAFKA_HOME has no Kafka Streams")
@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize("case", cases("javastreams/StreamsCases.java"))
def test_streams(java, make_broker, case, version):
    broker = make_broker({**SETTINGS, "varve.transaction.version": version})
    if case.endswith("Killed"):
        run_amid_kills(java, broker, case)
    else:
        java.run(case, broker.bootstrap)
