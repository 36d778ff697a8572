"""Access rules as real clients set and meet them, by certificate and without."""
import json
import subprocess
import time

import confluent_kafka
import kafka
import pytest
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, NewTopic,
    ResourcePatternType, ResourceType)

from broker import BINARY, free_port
from certificates import Authority

SECONDS = 30
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer"}
ANYTHING = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY,
    AclPermissionType.ANY)


def rule(principal, operation, name, kind=ResourceType.TOPIC, host="*",
         pattern=ResourcePatternType.LITERAL, permission=AclPermissionType.ALLOW):
    return AclBinding(kind, name, pattern, principal, host, operation, permission)


def create(admin, *rules):
    for future in admin.create_acls(list(rules)).values():
        future.result(SECONDS)


def described(admin, wanted=ANYTHING):
    return set(admin.describe_acls(wanted).result(SECONDS))


@pytest.fixture
def authority(work):
    return Authority(work / "authority")


@pytest.fixture
def site(make_broker, authority):
    """A broker whose plain listener is the administrator's; its SSL one wants certificates."""
    def make(settings=None):
        port = free_port()
        broker = make_broker(
            {"ssl.keystore.location": authority.store("broker"), "ssl.client.auth": "required",
             "ssl.truststore.location": authority.certificate, **AUTHORIZER,
             "super.users": "User:ANONYMOUS", **(settings or {})},
            extra=["--listen", f"SSL://127.0.0.1:{port}"])
        broker.ssl = f"localhost:{port}"
        return broker
    return make


@pytest.fixture
def alice(authority):
    """Certificate and key of a client; its principal is `ALICE`."""
    return authority.leaf("alice", subject="/O=example/OU=soc/CN=alice")


ALICE = "User:CN=alice,OU=soc,O=example"


def librdkafka(broker, authority, leaf, **settings):
    certificate, key = leaf
    return {
        "bootstrap.servers": broker.ssl, "security.protocol": "ssl", "log_level": 0,
        "ssl.ca.location": str(authority.certificate),
        "ssl.certificate.location": str(certificate), "ssl.key.location": str(key), **settings}


def python(broker, authority, leaf, **settings):
    certificate, key = leaf
    return {
        "bootstrap_servers": broker.ssl, "security_protocol": "SSL",
        "ssl_cafile": str(authority.certificate), "ssl_certfile": str(certificate),
        "ssl_keyfile": str(key), **settings}


def produce(settings, topic, value=b"v"):
    """The error that a message's delivery ends with, None for success."""
    errors = []
    producer = confluent_kafka.Producer({"message.timeout.ms": 10_000, **settings})
    producer.produce(topic, value=value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(SECONDS) == 0
    return errors[0] and errors[0].code()


def test_rules_are_made_described_and_deleted_with_confluent_kafka(make_broker):
    broker = make_broker({**AUTHORIZER, "super.users": "User:ANONYMOUS"})
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    assert described(admin) == set()
    rules = [
        rule("User:alice", AclOperation.READ, "logs"),
        rule("User:alice", AclOperation.ALL, "app-", pattern=ResourcePatternType.PREFIXED),
        rule("User:*", AclOperation.DESCRIBE, "*", ResourceType.GROUP, host="10.0.0.1"),
        rule("User:bob", AclOperation.WRITE, "logs", permission=AclPermissionType.DENY),
        rule("User:bob", AclOperation.ALTER, "kafka-cluster", ResourceType.BROKER),
        rule("User:bob", AclOperation.WRITE, "tx", ResourceType.TRANSACTIONAL_ID)]
    create(admin, *rules)
    create(admin, rules[0])
    assert described(admin) == set(rules)
    # What is acknowledged is there after a kill.
    broker.kill()
    broker.start()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    assert described(admin) == set(rules)
    match = AclBindingFilter(
        ResourceType.TOPIC, "app-1", ResourcePatternType.MATCH, None, None, AclOperation.ANY,
        AclPermissionType.ANY)
    assert described(admin, match) == {rules[1]}
    bobs = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, "User:bob", None, AclOperation.ANY,
        AclPermissionType.ANY)
    deleted = admin.delete_acls([bobs, match])
    assert set(deleted[bobs].result(SECONDS)) == set(rules[3:])
    assert set(deleted[match].result(SECONDS)) == {rules[1]}
    assert described(admin) == {rules[0], rules[2]}


def test_a_certificate_may_write_one_topic_and_nothing_else(site, authority, alice):
    broker = site()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.create_topics([NewTopic("logs", 1), NewTopic("payroll", 1)]).values():
        future.result(SECONDS)
    create(admin, rule(ALICE, AclOperation.WRITE, "logs"))
    own = librdkafka(broker, authority, alice)
    denied = confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED
    for idempotent in (False, True):
        assert produce({**own, "enable.idempotence": idempotent}, "logs") is None
        assert produce({**own, "enable.idempotence": idempotent}, "payroll") == denied
    # One that is not there is refused like one that is, and not made.
    assert produce(own, "new") == denied
    assert set(AdminClient(own).list_topics(timeout=SECONDS).topics) == {"logs"}

    def first_error(**settings):
        consumer = confluent_kafka.Consumer({**own, "auto.offset.reset": "earliest", **settings})
        consumer.subscribe(["logs"])
        deadline = time.monotonic() + SECONDS
        try:
            while time.monotonic() < deadline:
                message = consumer.poll(0.5)
                if message is not None:
                    return message.error() and message.error().code()
        finally:
            consumer.close()

    assert first_error(**{"group.id": "g"}) \
        == confluent_kafka.KafkaError.GROUP_AUTHORIZATION_FAILED
    create(admin, rule(ALICE, AclOperation.READ, "g", ResourceType.GROUP))
    assert first_error(**{"group.id": "g"}) == denied
    user = AdminClient(own)
    # librdkafka 2.16 shows the error of this one as an empty list.
    assert described(user) == set()
    wanted = rule(ALICE, AclOperation.ALL, "*")
    for call in (
            lambda: user.create_topics([NewTopic("mine", 1)])["mine"],
            lambda: user.delete_topics(["logs"])["logs"],
            lambda: user.create_acls([wanted])[wanted],
            lambda: user.delete_acls([ANYTHING])[ANYTHING]):
        with pytest.raises(confluent_kafka.KafkaException) as refused:
            call().result(SECONDS)
        assert refused.value.args[0].code() in (
            denied, confluent_kafka.KafkaError.CLUSTER_AUTHORIZATION_FAILED)
    assert f'principal="{ALICE}" host=127.0.0.1 operation=READ resource=TOPIC:logs' \
        in broker.tail(200)
    # Nobody else's certificate has these rights.
    mallory = authority.leaf("mallory")
    assert produce(librdkafka(broker, authority, mallory), "logs") == denied
    # With the rights the same client reads what it wrote.
    create(admin, rule(ALICE, AclOperation.READ, "logs"))
    assert first_error(**{"group.id": "g"}) is None
    refused = [line for line in broker.http("/metrics")[1].splitlines()
               if line.startswith("varve_access_refused_total")]
    assert int(refused[0].split()[1]) > 5


def test_kafka_python_is_refused_and_allowed_by_certificate(site, authority, alice):
    broker = site()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    create(admin, rule(ALICE, AclOperation.WRITE, "logs"), rule(ALICE, AclOperation.CREATE, "logs"))
    producer = kafka.KafkaProducer(**python(broker, authority, alice))
    try:
        producer.send("logs", b"v").get(SECONDS)
        with pytest.raises(kafka.errors.TopicAuthorizationFailedError):
            producer.send("payroll", b"v").get(SECONDS)
    finally:
        producer.close()
    client = kafka.KafkaAdminClient(**python(broker, authority, alice))
    try:
        with pytest.raises(kafka.errors.ClusterAuthorizationFailedError):
            client.describe_acls(kafka.admin.ACLFilter(
                None, None, kafka.admin.ACLOperation.ANY, kafka.admin.ACLPermissionType.ANY,
                kafka.admin.ResourcePatternFilter(
                    kafka.admin.ResourceType.ANY, None, kafka.admin.ACLResourcePatternType.ANY)))
        assert set(client.list_topics()) == {"logs"}
    finally:
        client.close()


def test_transactions_take_their_own_rights(site, authority, alice):
    broker = site()
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic("logs", 1)])["logs"].result(SECONDS)
    create(admin, rule(ALICE, AclOperation.WRITE, "logs"))
    own = librdkafka(broker, authority, alice, **{"transactional.id": "tx"})
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        confluent_kafka.Producer(own).init_transactions(SECONDS)
    assert refused.value.args[0].code() \
        == confluent_kafka.KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    create(admin, rule(ALICE, AclOperation.WRITE, "tx", ResourceType.TRANSACTIONAL_ID))
    producer = confluent_kafka.Producer(own)
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    producer.produce("logs", value=b"v")
    producer.commit_transaction(SECONDS)


def test_lost_rules_let_only_super_users_in(make_broker):
    broker = make_broker({**AUTHORIZER, "allow.everyone.if.no.acl.found": "true"})
    own = {"bootstrap.servers": broker.bootstrap, "log_level": 0}
    create(AdminClient(own), rule("User:alice", AclOperation.READ, "secret"))
    assert produce(own, "logs") is None
    broker.stop()
    rules = broker.directory / "data/access-rules"
    content = bytearray(rules.read_bytes())
    content[len(content) // 2] ^= 1
    rules.write_bytes(content)
    for _ in range(2):
        broker.start()
        assert produce(own, "logs") \
            == confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED
        assert "access rules were lost" in broker.tail() and "access-rules-lost" in broker.tail()
        broker.stop()
    # The remedy that the log names.
    broker.settings["super.users"] = "User:ANONYMOUS"
    broker.start()
    create(AdminClient(own), rule("User:alice", AclOperation.READ, "secret"))
    broker.stop()
    (broker.directory / "data/access-rules-lost").unlink()
    del broker.settings["super.users"]
    broker.start()
    assert produce(own, "logs") is None
    assert produce(own, "secret") == confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED


def varve(*arguments, **options):
    return subprocess.run(
        [str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS,
        **options)


def test_our_own_commands_name_the_remedy(site, authority, alice):
    broker = site()
    certificate, key = alice
    flags = ["--bootstrap-server", broker.ssl, "--tls-ca", authority.certificate,
             "--tls-certificate", certificate, "--tls-key", key]
    for command in (["topic", "create", "t"], ["produce", "--topic", "t"],
                    ["group", "describe", "g"]):
        refused = varve(*command, *flags, input="one\n")
        assert refused.returncode == 1
        assert "AUTHORIZATION_FAILED" in refused.stderr and "super.users" in refused.stderr, \
            refused.stderr


@pytest.mark.parametrize("way", ["certificate", "plain"])
def test_varve_up_gives_its_workers_a_way_in(work, authority, way):
    """A worker's own certificate with its own rules; or a plain listener on this machine."""
    plain, secure, http = free_port(), free_port(), free_port()
    certificate, key = authority.leaf("archiver")
    settings = {
        **AUTHORIZER, "ssl.keystore.location": str(authority.store("broker")),
        "ssl.client.auth": "required", "ssl.truststore.location": str(authority.certificate),
        "super.users": "User:CN=admin" if way == "certificate" else "User:ANONYMOUS",
        "group.initial.rebalance.delay.ms": 0}
    # Where there is a plain listener the workers come by that.
    listen = [f"SSL://localhost:{secure}"]
    if way == "plain":
        listen.insert(0, f"127.0.0.1:{plain}")
    administrator = {
        "bootstrap.servers": f"localhost:{secure}", "security.protocol": "ssl", "log_level": 0,
        "ssl.ca.location": str(authority.certificate)}
    names = ["ssl.certificate.location", "ssl.key.location"]
    administrator.update(zip(names, map(str, authority.leaf("admin"))))
    if way == "plain":
        administrator = {"bootstrap.servers": f"127.0.0.1:{plain}"}
    configuration = {
        "dataDirectory": str(work / "data"), "http": f"127.0.0.1:{http}", "listen": listen,
        "settings": settings, "topics": [{"name": "logs", "partitions": 1}],
        "workers": [{"name": "archive", "topics": ["logs"],
                     "sink": {"type": "archive", "directory": str(work / "archive")}}]}
    if way == "certificate":
        configuration["tls"] = {
            "ca": str(authority.certificate), "certificate": str(certificate), "key": str(key)}
    (work / "varve.json").write_text(json.dumps(configuration))
    log = work / "up.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [str(BINARY), "up", "--config", str(work / "varve.json")], stdout=out, stderr=out)

    def wait(text):
        deadline = time.monotonic() + SECONDS
        while text not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    try:
        wait("listening")
        if way == "certificate":
            # Refused at first, with what to do; then let in by rules.
            wait("super.users")
            admin = AdminClient(administrator)
            admin.create_topics([NewTopic("logs", 1)])["logs"].result(SECONDS)
            create(
                admin, rule("User:CN=archiver", AclOperation.READ, "logs"),
                rule("User:CN=archiver", AclOperation.READ, "varve-archive", ResourceType.GROUP))
        else:
            wait("created a topic")
        assert produce(administrator, "logs", b"event") is None
        deadline = time.monotonic() + SECONDS
        while not list((work / "archive").rglob("*.lz4")):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(SECONDS)
