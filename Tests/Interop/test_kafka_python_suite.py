"""kafka-python's own integration tests, run against the broker.

They come with its source distribution on PyPI, are downloaded by pip in the version that is
installed, and unpacked into .build/kafka-python. Each of their files is one test here, and all run
side by side. What does not run is in LEFT_OUT; a test that is there and passes all the same fails.
"""
import importlib.metadata
import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree

import pytest

from broker import ROOT

VERSION = importlib.metadata.version("kafka-python")
DIRECTORY = ROOT / ".build/kafka-python"
SECONDS = 240

# The settings that kafka-python starts its Kafka with (its servers/resources/default).
SETTINGS = {
    "node.id": "0", "num.partitions": "4", "offsets.topic.num.partitions": "2",
    "group.min.session.timeout.ms": "1000", "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.enable": "false", "allow.everyone.if.no.acl.found": "true",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
}

SHELL_TOOLS = "starts a Kafka of its own with Kafka's shell tools"
OLD = "is for brokers before 0.10.1"
LEFT_OUT = {
    "test_kafka_consumer_offsets_for_time_old": OLD,
    **{f"{name}[{mechanism}]": SHELL_TOOLS
       for name in ("test_admin", "test_produce_and_consume", "test_client")
       for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")},
    "test_ssl_handshake": SHELL_TOOLS,
    "test_legacy_kafka_client_ssl": SHELL_TOOLS,
}

# The source distribution leaves this file of its tests out: a service that runs already.
SERVICE = '''
class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass

    def close(self):
        pass

    def dump_logs(self):
        pass

    def wait_for(self, pattern, timeout=30):
        pass


class SpawnedService:
    def __init__(self, *_):
        raise NotImplementedError("Kafka's shell tools are not here")
'''


def unpack():
    """The tests' directory, downloaded and unpacked the first time."""
    root = DIRECTORY / f"kafka_python-{VERSION}"
    if not (root / "test/service.py").exists():
        result = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--no-binary", "kafka-python", f"kafka-python=={VERSION}",
             "--dest", str(DIRECTORY)], capture_output=True, text=True, timeout=120)
        if result.returncode != 0:
            pytest.skip(f"the sources of kafka-python cannot be had: {result.stderr[-300:]}")
        with tarfile.open(DIRECTORY / f"kafka_python-{VERSION}.tar.gz") as archive:
            archive.extractall(DIRECTORY, filter="data")
        (root / "test/__init__.py").touch()
        (root / "test/service.py").write_text(SERVICE)
    return root


class Run:
    """One of their files, or one test of it, run by a pytest of its own."""

    def __init__(self, root, name, broker, work):
        self.place = root, name, broker, work
        plain = name.replace("::", "-")
        self.report, self.log = work / f"{plain}.xml", work / f"{plain}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", f"test/integration/{name}", "-c", os.devnull,
                 "--rootdir", ".", "-p", "no:cacheprovider", "-q", f"--junitxml={self.report}"],
                cwd=root, stdout=log, stderr=log,
                env={**os.environ, "KAFKA_URI": f"kafka://{broker.bootstrap}",
                     "KAFKA_VERSION": "4.3", "KAFKA_ROOT": str(work),
                     "KAFKA_PYTHON_NET": "selector"})

    def alone(self, test):
        """The outcome of one of the tests when nothing else is under way."""
        root, name, broker, work = self.place
        return Run(root, f"{name}::{test}", broker, work).outcomes()[test]

    def outcomes(self):
        """Each test with "passed", or why it did not."""
        self.process.wait(SECONDS)
        assert self.report.exists(), self.log.read_text()[-3000:]
        found = {}
        for case in xml.etree.ElementTree.parse(self.report).iter("testcase"):
            problems = [child for child in case if child.tag in ("failure", "error", "skipped")]
            found[case.get("name")] = "passed" if not problems else \
                f"{problems[0].tag}: {problems[0].get('message')}"
        return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    from broker import Broker
    root = unpack()
    work = tmp_path_factory.mktemp("kafka-python")
    broker = Broker(work / "broker", SETTINGS).start()
    files = sorted(path.name for path in (root / "test/integration").glob("test_*.py"))
    runs = {name: Run(root, name, broker, work) for name in files}
    yield runs
    for run in runs.values():
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    broker.stop()


@pytest.mark.parametrize("part", ["admin", "consumer", "producer", "sasl", "ssl"])
def test_kafka_pythons_own_tests_pass(runs, part):
    run = runs[f"test_{part}_integration.py"]
    found = run.outcomes()
    assert found
    wrong = {name: outcome for name, outcome in found.items()
             if (outcome == "passed") == (name in LEFT_OUT)}
    # Their tests count seconds, and five files of them run at once: on a busy machine one may not
    # have got that far. Such a one must pass by itself.
    for name in [name for name in wrong if name not in LEFT_OUT]:
        if run.alone(name) == "passed":
            del wrong[name]
    assert not wrong, f"{wrong}\n{run.log.read_text()[-6000:]}"


def test_no_file_of_theirs_is_left_out(runs):
    assert set(runs) == {
        f"test_{part}_integration.py" for part in ("admin", "consumer", "producer", "sasl", "ssl")}
