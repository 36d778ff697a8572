"""What the tools for clusters ask of the one broker there is, and that each gets a true answer."""
import confluent_kafka
import kafka
import kafka.admin
import pytest
from confluent_kafka import ElectionType
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, AlterConfigOpType,
    ConfigEntry, ConfigResource, NewTopic, ResourcePatternType, ResourceType,
    ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion)
from kafka import TopicPartition

SECONDS = 15


@pytest.fixture
def admin(broker):
    client = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    yield client
    client.close()


@pytest.fixture
def librdkafka(broker):
    yield AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})


def make(admin, topic, partitions=1):
    admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})


def test_log_directories_are_described(broker, admin, topic):
    make(admin, topic, partitions=2)
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap)
    producer.send(topic, b"x" * 5000, partition=1).get(SECONDS)
    producer.close()
    (found,) = admin.describe_log_dirs()
    (directory,) = found["log_dirs"]
    assert directory["error_code"] == 0
    assert directory["log_dir"] == str(broker.directory / "data")
    assert 0 < directory["usable_bytes"] <= directory["total_bytes"]
    (mine,) = [each for each in directory["topics"] if each["name"] == topic]
    sizes = {each["partition_index"]: each["partition_size"] for each in mine["partitions"]}
    assert sizes[0] == 0 and 5000 < sizes[1] < 6000
    (found,) = admin.describe_log_dirs({topic: [1]})
    (mine,) = found["log_dirs"][0]["topics"]
    assert [each["partition_index"] for each in mine["partitions"]] == [1]


def test_partitions_are_described_in_pages(broker, admin, topic):
    make(admin, topic, partitions=5)
    found, cursor = [], None
    while True:
        page = admin.describe_topic_partitions(
            [topic], response_partition_limit=2, cursor=cursor)
        assert len(page["topics"][0]["partitions"]) <= 2
        found += [each["partition_index"] for each in page["topics"][0]["partitions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [0, 1, 2, 3, 4]


def test_no_election_is_needed(librdkafka, admin, topic):
    make(admin, topic, partitions=2)
    partitions = [confluent_kafka.TopicPartition(topic, each) for each in (0, 1, 9)]
    outcome = librdkafka.elect_leaders(ElectionType.PREFERRED, partitions).result(SECONDS)
    codes = {each.partition: error.code() for each, error in outcome.items()}
    assert codes == {
        0: confluent_kafka.KafkaError.ELECTION_NOT_NEEDED,
        1: confluent_kafka.KafkaError.ELECTION_NOT_NEEDED,
        9: confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART}
    assert librdkafka.elect_leaders(ElectionType.UNCLEAN).result(SECONDS) == {}
    admin.elect_leaders(0, {topic: [0]})


def test_partitions_stay_where_they_are(admin, topic):
    make(admin, topic)
    here = TopicPartition(topic, 0)
    assert admin.alter_partition_reassignments({here: [1]}) == {here: None}
    assert admin.list_partition_reassignments() == {}
    assert admin.alter_partition_reassignments({here: [1, 2]}) == {
        here: kafka.errors.InvalidReplicationAssignmentError}


def test_the_quorum_is_the_broker(admin):
    (found,) = admin.describe_metadata_quorum()["topics"]
    (partition,) = found["partitions"]
    assert partition["leader_id"] == 1
    assert [each["replica_id"] for each in partition["current_voters"]] == [1]


def test_resources_with_configurations_are_listed(admin, topic):
    make(admin, topic)
    found = admin.list_config_resources()
    assert topic in found["topic"]
    assert found["broker"] == ["1"]


def test_access_rules_and_credentials_are_refused_with_the_reason(librdkafka, admin):
    everything = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY,
        AclPermissionType.ANY)
    # librdkafka 2.16 shows the error of this one as an empty list.
    rules = kafka.admin.ResourcePatternFilter(
        kafka.admin.ResourceType.ANY, None, kafka.admin.ACLResourcePatternType.ANY)
    with pytest.raises(kafka.errors.SecurityDisabledError) as refused:
        admin.describe_acls(kafka.admin.ACLFilter(
            "User:u", "*", kafka.admin.ACLOperation.ANY, kafka.admin.ACLPermissionType.ANY,
            rules))
    assert "authorizer" in str(refused.value)
    rule = AclBinding(
        ResourceType.TOPIC, "t", ResourcePatternType.LITERAL, "User:u", "*", AclOperation.READ,
        AclPermissionType.ALLOW)
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        librdkafka.create_acls([rule])[rule].result(SECONDS)
    assert refused.value.args[0].code() == confluent_kafka.KafkaError.SECURITY_DISABLED
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        librdkafka.delete_acls([everything])[everything].result(SECONDS)
    assert refused.value.args[0].code() == confluent_kafka.KafkaError.SECURITY_DISABLED
    assert admin.describe_user_scram_credentials() == {}
    upsertion = UserScramCredentialUpsertion(
        "u", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 8192), b"secret")
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        librdkafka.alter_user_scram_credentials([upsertion])["u"].result(SECONDS)
    assert "authenticate" in refused.value.args[0].str()


def test_a_client_that_wants_to_authenticate_is_told_why_not(broker):
    reports = []
    client = confluent_kafka.Producer({
        "bootstrap.servers": broker.bootstrap, "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN", "sasl.username": "u", "sasl.password": "p",
        "error_cb": reports.append, "log_level": 0})
    client.poll(0)
    for _ in range(SECONDS * 10):
        client.poll(0.1)
        if reports:
            break
    assert "SASL" in reports[0].str() or "sasl" in reports[0].str()
    assert "authentication is not configured" in broker.log_path.read_text()


def test_more_replicas_than_there_can_be_are_clamped_with_a_warning(make_broker, topic):
    broker = make_broker()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(topic, 1, 3)])[topic].result(SECONDS)
    found = admin.list_topics(timeout=SECONDS).topics[topic]
    assert found.partitions[0].replicas == [1]
    assert "one replica" in broker.log_path.read_text()
    resource = ConfigResource(
        ResourceType.BROKER, "1", incremental_configs=[
            ConfigEntry("varve.replication.factor.clamp", "false",
                        incremental_operation=AlterConfigOpType.SET)])
    admin.incremental_alter_configs([resource])[resource].result(SECONDS)
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        admin.create_topics([NewTopic(topic + "2", 1, 3)])[topic + "2"].result(SECONDS)
    assert (refused.value.args[0].code()
            == confluent_kafka.KafkaError.INVALID_REPLICATION_FACTOR)


def test_broker_settings_are_changed_while_it_runs(make_broker, topic):
    broker = make_broker()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})

    def change(name, value, operation=AlterConfigOpType.SET):
        resource = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[
            ConfigEntry(name, value, incremental_operation=operation)])
        admin.incremental_alter_configs([resource])[resource].result(SECONDS)

    def shown(name, kind=ResourceType.BROKER, of="1"):
        resource = ConfigResource(kind, of)
        return admin.describe_configs([resource])[resource].result(SECONDS)[name]

    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(SECONDS)
    change("log.retention.ms", "3600000")
    change("num.partitions", "4")
    for _ in range(2):
        assert shown("num.partitions").value == "4"
        assert not shown("num.partitions").is_read_only
        inherited = shown("retention.ms", ResourceType.TOPIC, topic)
        assert inherited.value == "3600000"
        assert list(inherited.synonyms) == ["log.retention.ms", "log.retention.hours"]
        broker.restart()
    change("num.partitions", None, AlterConfigOpType.DELETE)
    assert shown("num.partitions").is_default
    for name, value in [("num.network.threads", "1"), ("nope", "1"), ("num.partitions", "x")]:
        with pytest.raises(confluent_kafka.KafkaException) as refused:
            change(name, value)
        assert name in refused.value.args[0].str()


def test_batches_are_recompressed_as_the_topic_says(make_broker, topic):
    broker = make_broker()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for codec in ["uncompressed", "gzip", "snappy", "lz4", "zstd"]:
        name = f"{topic}-{codec}"
        admin.create_topics(
            [NewTopic(name, 1, 1, config={"compression.type": codec})])[name].result(SECONDS)
        expected = []
        for given in ["none", "gzip", "snappy", "lz4", "zstd"]:
            producer = confluent_kafka.Producer({
                "bootstrap.servers": broker.bootstrap, "compression.type": given,
                "enable.idempotence": True})
            for index in range(20):
                value = f"{given} {index} ".encode() * 30
                producer.produce(name, value, key=str(index).encode())
                expected.append(value)
            assert producer.flush(SECONDS) == 0
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest",
            consumer_timeout_ms=2000, check_crcs=True)
        consumer.assign([TopicPartition(name, 0)])
        assert sorted(record.value for record in consumer) == sorted(expected)
        consumer.close()
