"""Kafka over TLS: real clients over an SSL listener, and what such a listener withstands."""
import os
import socket
import ssl
import subprocess
import threading
import time

import confluent_kafka
import kafka
import pytest

from broker import BINARY, free_port
from certificates import Authority

SECONDS = 60


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(make_broker, authority):
    """A broker with a plain and an SSL listener; `ssl` is the address of the latter."""
    def make(settings=None, store=None):
        port = free_port()
        broker = make_broker(
            {"ssl.keystore.location": store or authority.store("broker"), **(settings or {})},
            extra=["--listen", f"SSL://127.0.0.1:{port}"])
        broker.ssl_port, broker.ssl = port, f"localhost:{port}"
        return broker
    return make


def kcat(broker, authority, *arguments, ca=None, **options):
    return subprocess.run(
        ["kcat", "-b", broker.ssl, "-X", "security.protocol=ssl",
         "-X", f"ssl.ca.location={ca or authority.certificate}", *arguments],
        capture_output=True, timeout=SECONDS, **options)


def librdkafka(broker, authority, **settings):
    return {
        "bootstrap.servers": broker.ssl, "security.protocol": "ssl",
        "ssl.ca.location": str(authority.certificate), **settings}


def python(broker, authority, **settings):
    return {
        "bootstrap_servers": broker.ssl, "security_protocol": "SSL",
        "ssl_cafile": str(authority.certificate), **settings}


def test_kcat_over_ssl(secure, authority):
    broker = secure()
    lines = b"".join(b"line %d\n" % index for index in range(20_000))
    result = kcat(broker, authority, "-P", "-t", "t", "-z", "lz4", input=lines)
    assert result.returncode == 0, result.stderr
    result = kcat(broker, authority, "-C", "-t", "t", "-e", "-q", "-X", "check.crcs=true")
    assert result.stdout == lines
    # The same by the plain listener: it is one log.
    plain = subprocess.run(
        ["kcat", "-b", broker.bootstrap, "-C", "-t", "t", "-e", "-q"],
        capture_output=True, timeout=SECONDS)
    assert plain.stdout == lines


def test_kcat_is_told_the_ssl_port(secure, authority):
    broker = secure()
    listed = kcat(broker, authority, "-L").stdout.decode()
    assert f"at 127.0.0.1:{broker.ssl_port}" in listed


def test_groups_and_large_batches_with_confluent_kafka(secure, authority):
    broker = secure({"message.max.bytes": 16 << 20, "num.partitions": 3})
    value = os.urandom(5 << 20)
    producer = confluent_kafka.Producer(librdkafka(
        broker, authority, **{"message.max.bytes": 16 << 20, "enable.idempotence": True}))
    failures = []
    for index in range(12):
        producer.produce(
            "large", key=str(index), value=value,
            on_delivery=lambda error, _: error and failures.append(error))
    assert producer.flush(SECONDS) == 0 and not failures
    members = [
        confluent_kafka.Consumer(librdkafka(
            broker, authority, **{
                "group.id": "g", "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": 16 << 20}))
        for _ in range(2)]
    seen, deadline = {}, time.monotonic() + SECONDS
    try:
        for member in members:
            member.subscribe(["large"])
        while len(seen) < 12 and time.monotonic() < deadline:
            for member in members:
                message = member.poll(0.2)
                if message is not None and message.error() is None:
                    assert message.value() == value
                    seen[message.key()] = True
        assert len(seen) == 12
    finally:
        for member in members:
            member.close()


def test_groups_and_large_batches_with_kafka_python(secure, authority):
    broker = secure({"message.max.bytes": 16 << 20})
    value = os.urandom(5 << 20)
    producer = kafka.KafkaProducer(**python(
        broker, authority, max_request_size=16 << 20))
    try:
        for future in [producer.send("large", value) for _ in range(6)]:
            future.get(SECONDS)
    finally:
        producer.close()
    consumer = kafka.KafkaConsumer("large", **python(
        broker, authority, group_id="g", auto_offset_reset="earliest",
        max_partition_fetch_bytes=16 << 20, fetch_max_bytes=64 << 20))
    count, deadline = 0, time.monotonic() + SECONDS
    try:
        while count < 6 and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    assert record.value == value
                    count += 1
        consumer.commit()
    finally:
        consumer.close()
    assert count == 6


def test_fifty_connections_at_once(secure, authority):
    broker = secure({"num.partitions": 4})
    failures = []

    def work(number):
        try:
            producer = confluent_kafka.Producer(librdkafka(broker, authority))
            for index in range(50):
                producer.produce("many", value=b"%d-%d" % (number, index))
            assert producer.flush(SECONDS) == 0
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not failures
    result = kcat(broker, authority, "-C", "-t", "many", "-e", "-q")
    assert len(set(result.stdout.split())) == 2500


def test_client_certificates(secure, authority, work):
    broker = secure({
        "ssl.client.auth": "required", "ssl.truststore.location": authority.certificate})
    certificate, key = authority.leaf("shipper")
    own = ["-X", f"ssl.certificate.location={certificate}", "-X", f"ssl.key.location={key}"]
    result = kcat(broker, authority, "-P", "-t", "t", *own, input=b"known\n")
    assert result.returncode == 0, result.stderr
    refused = kcat(broker, authority, "-L", "-m", "3")
    assert refused.returncode != 0
    assert "showed no certificate and ssl.client.auth is required" in broker.tail()
    stranger, strange_key = Authority(work / "other", "Somebody Else").leaf("stranger")
    refused = kcat(
        broker, authority, "-L", "-m", "3", "-X", f"ssl.certificate.location={stranger}",
        "-X", f"ssl.key.location={strange_key}")
    assert refused.returncode != 0
    assert "the peer's certificate was refused" in broker.tail()
    with pytest.raises(kafka.errors.KafkaError):
        kafka.KafkaProducer(**python(broker, authority, bootstrap_timeout_ms=3000))
    consumer = kafka.KafkaConsumer("t", **python(
        broker, authority, ssl_certfile=str(certificate), ssl_keyfile=str(key),
        auto_offset_reset="earliest", consumer_timeout_ms=SECONDS * 1000))
    assert next(consumer).value == b"known"
    consumer.close()


def test_wrong_authority_and_expired_certificate_are_refused(secure, authority, work):
    other = Authority(work / "other", "Somebody Else")
    broker = secure()
    result = kcat(broker, authority, "-L", "-m", "3", ca=other.certificate)
    assert result.returncode != 0 and b"certificate verify failed" in result.stderr
    assert "does not trust this side's certificate" in broker.tail()
    old = secure(store=authority.store("old", days=-1))
    assert "TLS certificate has expired" in old.tail()
    result = kcat(old, authority, "-L", "-m", "3")
    assert result.returncode != 0 and b"certificate verify failed" in result.stderr
    assert "this side's certificate has expired, the peer says" in old.tail()


@pytest.mark.parametrize("flag,accepted", [
    ("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_protocol_versions(secure, authority, flag, accepted):
    broker = secure()
    # SECLEVEL=0, or this client itself would refuse the old ones.
    result = subprocess.run(
        ["openssl", "s_client", "-connect", broker.ssl, flag, "-cipher", "ALL:@SECLEVEL=0",
         "-CAfile", str(authority.certificate), "-verify_return_error"],
        input=b"", capture_output=True, timeout=SECONDS)
    assert (result.returncode == 0) == accepted, result.stderr
    if not accepted:
        assert "no version in common" in broker.tail()


def test_renegotiation_is_refused_and_key_updates_are_not(secure, authority):
    broker = secure()
    for flag, command in [("-tls1_2", b"R\n"), ("-tls1_3", b"K\n"), ("-tls1_3", b"k\n")]:
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", broker.ssl, flag,
             "-CAfile", str(authority.certificate)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(0.5)
        for _ in range(20 if flag == "-tls1_3" else 1):
            client.stdin.write(command)
            client.stdin.flush()
            time.sleep(0.02)
        time.sleep(0.3)
        ended = client.poll() is not None
        client.kill()
        output = client.communicate()[0]
        if flag == "-tls1_2":
            assert ended or b"no renegotiation" in output or b"alert" in output, output[-500:]
        else:
            assert not ended, output[-500:]
        broker.assert_alive()
    assert kcat(broker, authority, "-L").returncode == 0


def test_half_close_still_answers(secure, authority):
    broker = secure()
    context = ssl.create_default_context(cafile=str(authority.certificate))
    raw = socket.create_connection(("localhost", broker.ssl_port))
    # ApiVersions version 0, correlation id 7, no client id; then the end of what this side sends.
    request = bytes.fromhex("0000000a 0012 0000 00000007 ffff")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

    def send():
        if outgoing.pending:
            raw.sendall(outgoing.read())

    def pump(step):
        while True:
            try:
                result = step()
                send()
                return result
            except ssl.SSLWantReadError:
                send()
                data = raw.recv(65536)
                assert data
                incoming.write(data)

    pump(session.do_handshake)
    session.write(request)
    send()
    raw.shutdown(socket.SHUT_WR)
    answer = pump(lambda: session.read(65536))
    assert answer[4:8] == bytes.fromhex("00000007")
    raw.close()


def cpu_seconds(broker):
    fields = open(f"/proc/{broker.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(broker):
    return len(os.listdir(f"/proc/{broker.process.pid}/fd"))


def test_slow_handshakes_bound_memory_and_keep_nobody_out(secure, authority):
    broker = secure({"varve.ssl.handshake.ms": 6000, "varve.ssl.handshakes.max": 300})
    assert kcat(broker, authority, "-P", "-t", "t", input=b"first\n").returncode == 0
    memory, open_before = broker.resident_bytes(), descriptors(broker)
    slow = []
    for _ in range(500):
        client = socket.create_connection(("127.0.0.1", broker.ssl_port))
        client.send(b"\x16")
        slow.append(client)
    established = []
    context = ssl.create_default_context(cafile=str(authority.certificate))
    for _ in range(20):
        established.append(context.wrap_socket(
            socket.create_connection(("localhost", broker.ssl_port)),
            server_hostname="localhost"))
    before, start = cpu_seconds(broker), time.monotonic()
    result = kcat(broker, authority, "-C", "-t", "t", "-e", "-q")
    assert result.stdout == b"first\n"
    assert descriptors(broker) - open_before <= 300 + 20 + 10
    assert broker.resident_bytes() - memory < 64 << 20
    time.sleep(2)
    # Nobody sends a thing: a loop that spins would take a whole processor.
    assert cpu_seconds(broker) - before < 0.5 * (time.monotonic() - start)
    deadline = time.monotonic() + 15
    while descriptors(broker) - open_before > 25 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert descriptors(broker) - open_before <= 25, "unfinished handshakes stay for ever"
    for client in slow + established:
        client.close()


def test_each_protocol_on_the_other_port_says_so_in_bounded_lines(secure, authority):
    broker = secure()

    def says(sentence, provoke):
        """Lines are bounded in number: one that was left out comes when there is room again."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            provoke()
            if sentence in broker.log_path.read_text():
                return
        raise AssertionError(f"never said: {sentence}")

    def hail_http():
        with socket.create_connection(("127.0.0.1", broker.ssl_port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def list_topics(*arguments):
        subprocess.run(["kcat", *arguments, "-L", "-m", "2"], capture_output=True)

    says("Kafka's protocol in plain", lambda: list_topics("-b", broker.ssl))
    says("a TLS handshake on a plain listener",
         lambda: list_topics("-b", broker.bootstrap, "-X", "security.protocol=ssl"))
    says("it does not speak TLS: it began with", hail_http)
    for _ in range(300):
        hail_http()
    log = broker.log_path.read_text()
    assert log.count("TLS handshake failed") < 150
    assert kcat(broker, authority, "-L").returncode == 0


def test_a_renewed_certificate_counts_without_a_restart(secure, authority):
    store = authority.store("before")
    broker = secure({"varve.ssl.reload.interval.ms": 200}, store=store)

    def subject():
        result = subprocess.run(
            ["openssl", "s_client", "-connect", broker.ssl], input=b"", capture_output=True,
            timeout=SECONDS)
        return result.stdout.decode()

    assert "CN = before" in subject()
    store.write_text(authority.store("after").read_text())
    deadline = time.monotonic() + 10
    while "CN = after" not in subject():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "BEGIN" not in broker.tail(200)


def varve(*arguments, **options):
    return subprocess.run(
        [str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS,
        **options)


def test_our_own_commands_over_ssl(secure, authority, work):
    broker = secure({
        "ssl.client.auth": "required", "ssl.truststore.location": authority.certificate})
    certificate, key = authority.leaf("admin")
    flags = [
        "--bootstrap-server", broker.ssl, "--tls-ca", authority.certificate,
        "--tls-certificate", certificate, "--tls-key", key]
    made = varve("topic", "create", "t", "--partitions", "2", *flags)
    assert made.returncode == 0, made.stderr
    sent = varve("produce", "--topic", "t", *flags, input="one\ntwo\n")
    assert sent.returncode == 0, sent.stderr
    read = varve("consume", "--topic", "t", "--from-beginning", "--max-messages", "2", *flags)
    assert sorted(read.stdout.split()) == ["one", "two"], read.stderr
    # Without the certificate, with another authority, and without TLS at all.
    for wrong, text in [
        (flags[:4], "certificate"),
        (["--bootstrap-server", f"SSL://{broker.ssl}"], "not among the trusted ones"),
        (flags[:2], "no answer from the broker"),
    ]:
        refused = varve("topic", "list", *wrong, "--timeout-ms", "3000")
        assert refused.returncode != 0
        assert text in refused.stderr, refused.stderr
    # The same from a configuration file.
    (work / "varve.json").write_text(f"""{{
        listen: "SSL://localhost:{broker.ssl_port}", http: null,
        tls: {{ ca: "{authority.certificate}", certificate: "{certificate}", key: "{key}" }},
    }}""")
    listed = varve("topic", "list", cwd=work)
    assert listed.returncode == 0 and "t" in listed.stdout, listed.stderr
    (work / "varve.json").write_text("{ tls: { cert: 'x' } }")
    refused = varve("topic", "list", cwd=work)
    assert refused.returncode == 2 and "tls.cert: unknown key" in refused.stderr
