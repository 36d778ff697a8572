"""Whatever comes in on a port: the broker answers or closes, stays small, and serves on."""
import random
import os
import select
import socket
import struct
import time

import pytest

from broker import ROOT
from clients import ConfluentKafka, create_topic
from events import Event

# What the broker may grow by under garbage: far below the 100 MiB that one request may have.
GROWTH_BYTES_MAX = 96 << 20


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def outcome(connection, seconds):
    """"closed", or what came back, or "open" when nothing happened in that time."""
    poll = select.poll()  # select() takes no descriptor above 1023
    poll.register(connection, select.POLLIN)
    if not poll.poll(seconds * 1000):
        return "open"
    try:
        return connection.recv(1 << 16) or "closed"
    except ConnectionError:
        return "closed"


def serves(broker, topic):
    """One event goes in and comes out."""
    value = b"%d" % time.monotonic_ns()
    ConfluentKafka.write(broker.bootstrap, topic, [Event(value)])
    assert ConfluentKafka.read(broker.bootstrap, topic)[-1].value == value
    assert broker.http("/health")[0] == 200


@pytest.fixture
def target(make_broker, topic):
    # A count with one bit changed may ask for thousands of partitions, which is no garbage but
    # keeps a loaded machine's disk busy for longer than this test wants to wait.
    broker = make_broker({"varve.partitions.max": "200"})
    create_topic(broker.bootstrap, topic, 1)
    serves(broker, topic)
    broker.before = broker.resident_bytes()
    yield broker
    serves(broker, topic)
    broker.assert_alive()
    growth = broker.resident_bytes() - broker.before
    assert growth < GROWTH_BYTES_MAX, f"grew by {growth >> 20} MiB"


def test_random_bytes(target):
    seed = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    print(f"VARVE_SEED={seed}")
    chance = random.Random(seed)
    for port in (target.port, target.http_port):
        for _ in range(150):
            connection = connect(port)
            try:
                connection.sendall(chance.randbytes(chance.choice([1, 3, 4, 10, 100, 5_000])))
            except ConnectionError:
                pass
            if chance.random() < 0.5:
                outcome(connection, 0.01)
            connection.close()
        target.assert_alive()


@pytest.mark.parametrize(
    "length", [-1, 0, 1, 7, -(2**31), 2**31 - 1, 100 * 1024 * 1024 + 1])
def test_absurd_lengths_are_closed(target, length):
    connection = connect(target.port)
    connection.sendall(struct.pack(">i", length) + b"\0" * 8)
    assert outcome(connection, 5) == "closed"
    connection.close()


def test_a_promised_large_request_takes_no_memory_before_it_comes(target):
    connections = [connect(target.port) for _ in range(50)]
    for connection in connections:
        connection.sendall(struct.pack(">ihhih", 100 * 1024 * 1024, 0, 7, 1, -1))
    time.sleep(1)
    growth = target.resident_bytes() - target.before
    assert growth < GROWTH_BYTES_MAX, f"grew by {growth >> 20} MiB"
    for connection in connections:
        connection.close()


def request(api, version, body=b"", client=b"garbage"):
    frame = struct.pack(">hhih", api, version, 1, len(client)) + client + body
    return struct.pack(">i", len(frame)) + frame


def test_every_api_with_an_empty_or_random_body(target):
    chance = random.Random(int(os.environ.get("VARVE_SEED", "7")))
    for api in [*range(0, 93), -1, 1_000, 32_767, -32_768]:
        for version in (0, 1, 3, 5, 8, 9, 12, 99, -1):
            for body in (b"", chance.randbytes(40), b"\xff" * 30, b"\x7f\xff\xff\xff" * 8):
                connection = connect(target.port)
                try:
                    connection.sendall(request(api, version, body))
                    connection.shutdown(socket.SHUT_WR)
                    outcome(connection, 0.002)
                except OSError:
                    pass
                connection.close()
        target.assert_alive()


def recorded_requests():
    """Requests that real clients sent once."""
    for line in (ROOT / "Tests/Fixtures/Wire/captured.txt").read_text().splitlines():
        parts = line.split()
        if not line.startswith("#") and parts[1] == "request":
            yield bytes.fromhex(parts[4])


def mutated(frame, chance):
    changed = bytearray(frame)
    for _ in range(chance.randrange(1, 4)):
        # Behind the API key and version mostly, so that the body's decoder sees it.
        at = chance.randrange(4 if chance.random() < 0.9 else 0, len(changed))
        kind = chance.randrange(4)
        if kind == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at] = chance.choice([0, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            del changed[at:at + chance.randrange(1, 4)]
        else:
            changed[at:at] = chance.randbytes(chance.randrange(1, 9))
        if len(changed) < 8:
            return bytes(frame)
    return bytes(changed)


def test_requests_of_real_clients_with_bytes_changed(target):
    seed = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    print(f"VARVE_SEED={seed}")
    chance = random.Random(seed)
    frames = list(recorded_requests())
    for _ in range(int(os.environ.get("VARVE_MUTATIONS", "1500"))):
        connection = connect(target.port)
        try:
            for _ in range(3):
                frame = mutated(chance.choice(frames), chance)
                connection.sendall(struct.pack(">i", len(frame)) + frame)
            connection.shutdown(socket.SHUT_WR)
            outcome(connection, 0.001)
        except OSError:
            pass
        connection.close()
    target.assert_alive()


def test_half_requests_hold_nothing_up(target, topic):
    whole = request(3, 1, struct.pack(">i", 0))
    connections = []
    for count in range(1, len(whole)):
        connection = connect(target.port)
        connection.sendall(whole[:count])
        connections.append(connection)
    serves(target, topic)
    for connection, count in zip(connections, range(1, len(whole))):
        connection.sendall(whole[count:])
        answer = outcome(connection, 5)
        assert answer not in ("open", "closed"), count
        connection.close()


def test_requests_that_come_byte_by_byte_are_answered(target):
    connection = connect(target.port)
    for byte in request(18, 0):
        connection.sendall(bytes([byte]))
    answer = outcome(connection, 5)
    assert answer not in ("open", "closed")
    assert struct.unpack(">i", answer[4:8])[0] == 1
    connection.close()


def test_unknown_versions_of_api_versions_are_answered_in_version_0(target):
    connection = connect(target.port)
    connection.sendall(request(18, 99, b"\0"))
    answer = outcome(connection, 5)
    assert answer not in ("open", "closed")
    correlation, error, count = struct.unpack(">ihi", answer[4:14])
    assert (correlation, error) == (1, 35)
    # The range that the broker takes is told, so that the client can ask again (KIP-511).
    assert (18, 0) in [
        struct.unpack(">hh", answer[14 + 6 * n:18 + 6 * n]) for n in range(count)]
    connection.close()


@pytest.mark.parametrize("port", ["port", "http_port"])
def test_a_thousand_idle_connections(target, topic, port):
    connections = [connect(getattr(target, port)) for _ in range(1_000)]
    serves(target, topic)
    growth = target.resident_bytes() - target.before
    assert growth < GROWTH_BYTES_MAX, f"grew by {growth >> 20} MiB"
    if port == "port":
        assert all(outcome(connection, 0) == "open" for connection in connections)
    for connection in connections:
        connection.close()


def test_a_client_that_never_reads_its_answers_is_bounded(target, topic):
    """Answers pile up for a client that asks and never reads: they may not fill the memory."""
    ConfluentKafka.write(
        target.bootstrap, topic, [Event(os.urandom(100_000)) for _ in range(100)])
    name = topic.encode()
    fetch = request(1, 4, (
        struct.pack(">iiiibi", -1, 0, 1, 50 << 20, 0, 1) + struct.pack(">h", len(name)) + name
        + struct.pack(">iiqi", 1, 0, 0, 50 << 20)))
    connection = connect(target.port)
    connection.setblocking(False)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        try:
            connection.send(fetch)
        except BlockingIOError:
            time.sleep(0.05)
        except ConnectionError:
            break
    growth = target.resident_bytes() - target.before
    assert growth < GROWTH_BYTES_MAX, f"grew by {growth >> 20} MiB"
    connection.close()


def test_garbage_over_http(target):
    for sent in (
            b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 100, b"GET /nothing HTTP/1.1\r\n\r\n",
            b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, b"A" * 200_000,
            b"POST /health HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n"):
        connection = connect(target.http_port)
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed before it had all
        assert outcome(connection, 5) != "open", sent[:30]
        connection.close()
    target.assert_alive()
