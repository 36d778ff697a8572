"""Kafka's own command line tools, run as bin/kafka-*.sh runs them.

They need more of a Kafka distribution than its client: libs/kafka-tools-*.jar and what that needs.
"""
import json
import re
import subprocess
import time

import pytest

from kafka_home import class_path, has, needs_client, needs_jdk

SECONDS = 90
pytestmark = [
    needs_client, needs_jdk,
    pytest.mark.skipif(not has("kafka-tools"), reason="KAFKA_HOME has no kafka-tools jar")]


class Tools:
    def __init__(self, broker):
        self.broker = broker

    def command(self, name, *arguments):
        return ["java", "-XX:TieredStopAtLevel=1", "-cp", class_path(),
                f"org.apache.kafka.tools.{name}", *map(str, arguments)]

    def run(self, name, *arguments, status=0, bootstrap="--bootstrap-server"):
        """What the tool prints; its errors too when it is to fail."""
        where = [bootstrap, self.broker.bootstrap] if bootstrap else []
        result = subprocess.run(
            self.command(name, *where, *arguments), capture_output=True, text=True,
            timeout=SECONDS)
        said = result.stdout + result.stderr
        assert result.returncode == status, said
        return said if status else result.stdout

    def topics(self, *arguments, **options):
        return self.run("TopicCommand", *arguments, **options)

    def groups(self, *arguments, **options):
        return self.run("consumer.group.ConsumerGroupCommand", *arguments, **options)

    def offsets(self, topic, *arguments):
        lines = self.run("GetOffsetShell", "--topic", topic, *arguments).split()
        return {int(line.split(":")[1]): int(line.split(":")[2]) for line in lines}


@pytest.fixture
def tools(broker):
    return Tools(broker)


def table(text):
    """The rows of a table as dictionaries by its headings."""
    lines = [line for line in text.splitlines() if line.strip()]
    heads = next(line for line in lines if line.startswith(("GROUP", "TransactionalId", "Prod")))
    return [dict(zip(heads.split(), row.split())) for row in lines[lines.index(heads) + 1:]]


def test_topics(tools, topic):
    tools.topics("--create", "--topic", topic, "--partitions", 3, "--replication-factor", 3,
                 "--config", "compression.gzip.level=9")
    tools.topics("--alter", "--topic", topic, "--partitions", 4)
    said = tools.topics("--describe", "--topic", topic)
    assert "PartitionCount: 4\tReplicationFactor: 1\tConfigs: compression.gzip.level=9" in said
    assert said.count("Leader: 1\tReplicas: 1\tIsr: 1") == 4
    assert topic in tools.topics("--list").split()
    assert "exists" in tools.topics("--create", "--topic", topic, status=1)
    assert tools.offsets(topic) == {0: 0, 1: 0, 2: 0, 3: 0}
    tools.topics("--delete", "--topic", topic)
    assert topic not in tools.topics("--list").split()


def test_producers_and_consumers(tools, topic):
    tools.topics("--create", "--topic", topic)
    said = tools.run("VerifiableProducer", "--topic", topic, "--max-messages", 20)
    assert sum(json.loads(line)["name"] == "producer_send_success"
               for line in said.splitlines()) == 20
    for acks, codec in [("0", "none"), ("1", "gzip"), ("all", "zstd"), ("all", "lz4")]:
        said = tools.run(
            "ProducerPerformance", "--topic", topic, "--num-records", 500, "--record-size", 100,
            "--throughput", -1, "--producer-props",
            f"bootstrap.servers={tools.broker.bootstrap}", f"acks={acks}",
            f"compression.type={codec}", bootstrap=None)
        assert "500 records sent" in said
    assert tools.offsets(topic) == {0: 2_020}
    read = tools.run(
        "consumer.ConsoleConsumer", "--topic", topic, "--from-beginning", "--max-messages", 2_020)
    assert read.splitlines()[:20] == [str(index) for index in range(20)]
    said = tools.run(
        "VerifiableConsumer", "--topic", topic, "--group-id", topic, "--max-messages", 2_020,
        "--reset-policy", "earliest")
    assert '"success":true' in said
    said = tools.groups("--describe", "--group", topic)
    assert [(row["CURRENT-OFFSET"], row["LAG"]) for row in table(said)] == [("2020", "0")]


def test_groups(tools, topic):
    tools.topics("--create", "--topic", topic, "--partitions", 2)
    consumers = [subprocess.Popen(
        tools.command(
            "consumer.ConsoleConsumer", "--bootstrap-server", tools.broker.bootstrap, "--topic",
            topic, "--group", f"{topic}-{protocol}", "--consumer-property",
            f"group.protocol={protocol}"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for protocol in ("classic", "consumer")]
    try:
        for protocol, assignor in [("classic", "range"), ("consumer", "uniform")]:
            group, deadline = f"{topic}-{protocol}", time.monotonic() + SECONDS
            while assignor not in tools.groups("--describe", "--group", group, "--state"):
                assert time.monotonic() < deadline
            said = tools.groups("--describe", "--group", group, "--members", "--verbose")
            assert re.search(r"/127\.0\.0\.1\s+console-consumer\s+2\s+\S*0,1", said), said
            assert "not empty" in tools.groups("--delete", "--group", group)
    finally:
        for consumer in consumers:
            consumer.terminate()
            consumer.wait(30)
    group = f"{topic}-classic"
    tools.run("VerifiableProducer", "--topic", topic, "--max-messages", 10)
    tools.groups("--group", group, "--reset-offsets", "--to-latest", "--topic", topic, "--execute")
    tools.groups("--group", group, "--reset-offsets", "--shift-by", -1, "--topic", f"{topic}:0",
                 "--execute")
    rows = table(tools.groups("--describe", "--group", group))
    assert {row["PARTITION"]: row["LAG"] for row in rows} == {"0": "1", "1": "0"}
    tools.groups("--group", group, "--delete-offsets", "--topic", topic)
    tools.groups("--delete", "--group", group)
    assert "does not exist" in tools.groups("--describe", "--group", group)


def test_transactions(tools, topic):
    tools.topics("--create", "--topic", topic)
    tools.run(
        "ProducerPerformance", "--topic", topic, "--num-records", 500, "--record-size", 100,
        "--throughput", -1, "--transactional-id", topic, "--transaction-duration-ms", 50,
        "--producer-props", f"bootstrap.servers={tools.broker.bootstrap}", bootstrap=None)
    assert any(row["TransactionalId"] == topic and row["TransactionState"] == "CompleteCommit"
               for row in table(tools.run("TransactionsCommand", "list")))
    assert topic in tools.run("TransactionsCommand", "describe", "--transactional-id", topic)
    said = tools.run("TransactionsCommand", "describe-producers", "--topic", topic, "--partition", 0)
    assert [row["CurrentTransactionStartOffset"] for row in table(said)] == ["None"]
    assert topic not in tools.run("TransactionsCommand", "find-hanging", "--broker-id", 1)


def test_records_and_replicas(tools, topic, work):
    tools.topics("--create", "--topic", topic)
    tools.run("VerifiableProducer", "--topic", topic, "--max-messages", 10)

    def file(name, content):
        path = work / name
        path.write_text(json.dumps({"version": 1, **content}))
        return path

    said = tools.run("DeleteRecordsCommand", "--offset-json-file", file(
        "delete.json", {"partitions": [{"topic": topic, "partition": 0, "offset": 4}]}))
    assert f"partition: {topic}-0\tlow_watermark: 4" in said
    assert tools.offsets(topic, "--time", -2) == {0: 4}
    assert 4 <= tools.offsets(topic, "--time", -3)[0] <= 9
    said = tools.run("LogDirsCommand", "--describe", "--topic-list", topic)
    replica = json.loads(said.splitlines()[-1])["brokers"][0]["logDirs"][0]["partitions"][0]
    assert replica["size"] > 0 and replica["offsetLag"] == 0

    moves = file("moves.json", {
        "partitions": [{"topic": topic, "partition": 0, "replicas": [1]}]})
    reassign = "reassign.ReassignPartitionsCommand"
    said = tools.run(reassign, "--generate", "--broker-list", 1, "--topics-to-move-json-file",
                     file("topics.json", {"topics": [{"topic": topic}]}))
    assert "Proposed partition reassignment configuration" in said
    said = tools.run(reassign, "--execute", "--throttle", 1_000_000,
                     "--replica-alter-log-dirs-throttle", 1_000_000,
                     "--reassignment-json-file", moves)
    assert "Successfully started partition reassignment" in said
    said = tools.run(reassign, "--verify", "--reassignment-json-file", moves)
    assert f"Reassignment of partition {topic}-0 is completed." in said
    assert "Clearing broker-level throttles on broker 1" in said
    assert "No partition reassignments found." in tools.run(reassign, "--list")
    said = tools.run("LeaderElectionCommand", "--election-type", "preferred", "--topic", topic,
                     "--partition", 0)
    assert f"Valid replica already elected for partitions {topic}-0" in said


def test_cluster(tools):
    said = tools.run(
        "ClusterTool", "cluster-id", "--bootstrap-server", tools.broker.bootstrap, bootstrap=None)
    assert re.search(r"Cluster ID: \S{22}", said)
    assert "LeaderId:               1" in tools.run(
        "MetadataQuorumCommand", "describe", "--status")
    assert "transaction.version" in tools.run("FeatureCommand", "describe")
    assert tools.run("ClientMetricsCommand", "--list").strip() == ""
