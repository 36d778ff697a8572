"""Delivery over TLS: syslog to a real receiver (RFC 5425), workers at a broker that wants TLS."""
import random
import time
from pathlib import Path

import pytest

import checks
from certificates import Authority
from deployment import free_port, wait_until
from feed import PARTITIONS, Feed
from stubs import cef_extension
from test_rsyslog_receiver import RSYSLOGD, Rsyslog

DRIVERS = [
    driver for driver, module in [("gtls", "lmnsd_gtls.so"), ("ossl", "lmnsd_ossl.so")]
    if any(Path("/usr/lib").glob(f"*/rsyslog/{module}"))]
needs_rsyslog = pytest.mark.skipif(
    RSYSLOGD is None or not DRIVERS, reason="rsyslog-gnutls and rsyslog-openssl are not installed")


@pytest.fixture
def authority(work):
    return Authority(work / "authority")


def transport(driver, authority, certificate, key, mode="x509/certvalid"):
    """What imtcp needs to take TLS from clients with a certificate of this authority."""
    return (
        f'StreamDriver.Name="{driver}" StreamDriver.Mode="1" StreamDriver.AuthMode="{mode}") '
        f'global(DefaultNetstreamDriverCAFile="{authority.certificate}" '
        f'DefaultNetstreamDriverCertFile="{certificate}" '
        f'DefaultNetstreamDriverKeyFile="{key}"')


@needs_rsyslog
@pytest.mark.parametrize("driver", DRIVERS)
def test_rsyslog_receives_every_message_over_tls(deploy, stub, work, authority, driver):
    certificate, key = authority.leaf("receiver")
    own, own_key = authority.leaf("worker")
    rsyslog = stub(Rsyslog, work, transport(driver, authority, certificate, key))
    deployment = deploy(
        [{"name": "siem", "topics": ["events"],
          "sink": {"type": "syslog", "address": f"localhost:{rsyslog.port}",
                   "tls": {"ca": str(authority.certificate), "certificate": str(own),
                           "key": str(own_key)}}}],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", random.Random(3))
    time.sleep(3)
    expected = feed.stop()
    wait_until(
        lambda: len(rsyslog.messages()) >= len(expected), 30,
        f"rsyslog has all of {len(expected)} messages")
    identities = [cef_extension(message)["externalId"] for message in rsyslog.messages()]
    checks.in_order(identities, "rsyslog")
    assert sorted(identities) == sorted(expected)


@needs_rsyslog
def test_a_receiver_with_the_wrong_certificate_pauses_the_sink_until_it_is_mended(
        deploy, stub, work, authority):
    other = Authority(work / "other", "Somebody Else")
    certificate, key = other.leaf("receiver")
    wrong = Rsyslog(work, transport(DRIVERS[-1], other, certificate, key, mode="anon"))
    deployment = deploy(
        [{"name": "siem", "topics": ["events"],
          "sink": {"type": "syslog", "address": f"localhost:{wrong.port}",
                   "tls": {"ca": str(authority.certificate)}}}],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", random.Random(3))
    time.sleep(2)
    expected = feed.stop()
    wait_until(
        lambda: "its authority is not among the trusted ones" in deployment.tail("siem"), 20,
        "the worker says what is wrong")
    assert not wrong.messages()
    wrong.close()
    certificate, key = authority.leaf("receiver")
    mended = stub(
        Rsyslog, work, transport(DRIVERS[-1], authority, certificate, key, mode="anon"),
        port=wrong.port)
    wait_until(
        lambda: len(mended.messages()) >= len(expected), 30, "everything arrives after all")
    found = {cef_extension(message)["externalId"] for message in mended.messages()}
    assert found == set(expected)


def test_workers_reach_a_broker_that_only_listens_over_tls(deploy, work, authority):
    """`varve up` with no plain listener: supervisor and workers come over TLS as well."""
    port = free_port()
    store = authority.store("broker")
    own, own_key = authority.leaf("worker")
    deployment = deploy(
        [{"name": "archive", "topics": ["events"],
          "sink": {"type": "archive", "directory": str(work / "archive")}}],
        supervised=True,
        topics=[{"name": "events", "partitions": 2}],
        settings={
            "ssl.keystore.location": str(store), "ssl.client.auth": "required",
            "ssl.truststore.location": str(authority.certificate)},
        listen=f"SSL://localhost:{port}",
        tls={"ca": str(authority.certificate), "certificate": str(own), "key": str(own_key)})
    import confluent_kafka
    producer = confluent_kafka.Producer({
        "bootstrap.servers": f"localhost:{port}", "security.protocol": "ssl",
        "ssl.ca.location": str(authority.certificate),
        "ssl.certificate.location": str(own), "ssl.key.location": str(own_key)})
    for index in range(500):
        producer.produce("events", value=b'{"message": "event %d"}' % index)
    assert producer.flush(30) == 0
    wait_until(
        lambda: sum(1 for _ in (work / "archive").rglob("*.lz4")) > 0, 30,
        "the archive has files")
    log = deployment.tail("up")
    assert "BEGIN" not in log
