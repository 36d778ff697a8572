"""Quotas: what clients over them feel, and that they outlive the broker."""
import time

import confluent_kafka
import kafka
import pytest
from kafka.protocol.admin import AlterClientQuotasRequest, DescribeClientQuotasRequest

SECONDS = 30


def entity(kind, name):
    part = AlterClientQuotasRequest.EntryData.EntityData
    return [part(entity_type=kind, entity_name=name)]


def alter(broker, kind, name, quotas):
    """Sets quotas of one entity (name None: the default); a value of None removes one."""
    entry = AlterClientQuotasRequest.EntryData
    request = AlterClientQuotasRequest(validate_only=False, entries=[entry(
        entity=entity(kind, name),
        ops=[entry.OpData(key=key, value=value or 0.0, remove=value is None)
             for key, value in quotas.items()])])
    admin = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap, client_id="admin")
    (outcome,) = admin._manager.run(admin._manager.send, request).entries
    admin.close()
    return outcome.error_code, outcome.error_message


def describe(broker):
    request = DescribeClientQuotasRequest(components=[], strict=False)
    admin = kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap, client_id="admin")
    response = admin._manager.run(admin._manager.send, request)
    admin.close()
    assert response.error_code == 0
    return [
        ([(part.entity_type, part.entity_name) for part in entry.entity],
         {value.key: value.value for value in entry.values})
        for entry in response.entries]


def produce(broker, topic, count, size, client="shipper"):
    """Seconds that it takes librdkafka, and the longest pause that it was told."""
    pauses = []
    producer = confluent_kafka.Producer({
        "bootstrap.servers": broker.bootstrap, "client.id": client, "linger.ms": 5,
        "batch.size": 20000, "throttle_cb": lambda event: pauses.append(event.throttle_time)})
    start = time.monotonic()
    for _ in range(count):
        producer.produce(topic, b"x" * size)
    assert producer.flush(SECONDS) == 0
    return time.monotonic() - start, max(pauses, default=0)


def test_a_producer_over_its_quota_is_slowed_down_and_others_are_not(make_broker, topic):
    broker = make_broker({"quota.window.num": "2"})
    assert alter(broker, "client-id", "shipper", {"producer_byte_rate": 100000.0}) == (0, None)
    # 400 kB at 100 kB a second, of which one second's worth is free.
    seconds, pause = produce(broker, topic, 400, 1000)
    assert 2 < seconds < 10
    assert pause > 0
    seconds, pause = produce(broker, topic, 400, 1000, client="other")
    assert seconds < 2 and pause == 0
    assert "varve_throttled_total 0" not in broker.http("/metrics")[1]


def test_a_consumer_over_its_quota_is_slowed_down(make_broker, topic):
    broker = make_broker({"quota.window.num": "2"})
    produce(broker, topic, 400, 1000)
    assert alter(broker, "client-id", "reader", {"consumer_byte_rate": 100000.0}) == (0, None)
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": broker.bootstrap, "client.id": "reader", "group.id": topic,
        "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])
    count, start = 0, None
    deadline = time.monotonic() + SECONDS
    while count < 400 and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            start = start or time.monotonic()
            count += 1
    seconds = time.monotonic() - start
    consumer.close()
    assert count == 400
    assert 1.5 < seconds < 10


def test_kafka_python_survives_its_quota(make_broker, topic):
    broker = make_broker({"quota.window.num": "2"})
    assert alter(broker, "user", None, {"producer_byte_rate": 200000.0}) == (0, None)
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap)
    start = time.monotonic()
    futures = [producer.send(topic, b"x" * 1000) for _ in range(600)]
    offsets = {future.get(SECONDS).offset for future in futures}
    assert 1 < time.monotonic() - start < 15
    assert offsets == set(range(600))
    producer.close()


def test_quotas_are_told_and_outlive_the_broker(make_broker):
    broker = make_broker()
    alter(broker, "client-id", "shipper", {"producer_byte_rate": 1000.0, "request_percentage": 5.5})
    alter(broker, "user", None, {"consumer_byte_rate": 2000.0})
    expected = [
        ([("client-id", "shipper")], {"producer_byte_rate": 1000.0, "request_percentage": 5.5}),
        ([("user", None)], {"consumer_byte_rate": 2000.0})]
    for again in [broker.restart, lambda: (broker.kill(), broker.start()), lambda: None]:
        assert sorted(describe(broker)) == expected
        again()
    alter(broker, "client-id", "shipper", {"request_percentage": None})
    assert describe(broker)[0][1] == {"producer_byte_rate": 1000.0}


@pytest.mark.parametrize("kind, key, value", [
    ("user", "speed", 1.0), ("user", "producer_byte_rate", -1.0), ("ip", "producer_byte_rate", 1.0),
    ("moon", "producer_byte_rate", 1.0)])
def test_wrong_quotas_are_refused(broker, kind, key, value):
    code, message = alter(broker, kind, "someone", {key: value})
    assert code == 42
    assert message
    assert describe(broker) == []
