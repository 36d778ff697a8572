"""syslog-ng as people run it: its kafka-c destination writes lines to a topic.

Debian's package cannot be installed beside rsyslog, so Tools/test unpacks it into
.build/syslog-ng; VARVE_SYSLOG_NG names another directory.
"""
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from broker import ROOT, free_port
from clients import KafkaPython, create_topic
from test_rsyslog import sender

UNPACKED = Path(os.environ.get("VARVE_SYSLOG_NG", ROOT / ".build/syslog-ng"))
COUNT = 500
pytestmark = pytest.mark.skipif(
    not (UNPACKED / "usr/sbin/syslog-ng").exists(),
    reason=f"syslog-ng is not unpacked in {UNPACKED}: Tools/test does it")


@pytest.fixture
def syslog_ng(work):
    """Starts a syslog-ng with a configuration of its own that takes lines from a TCP port."""
    processes = []

    def start(port, destination):
        (work / "syslog-ng.conf").write_text(f"""@version: 3.38
options {{ keep-hostname(yes); }};
source in {{ network(ip("127.0.0.1") port({port}) transport("tcp")); }};
destination out {{ {destination} }};
log {{ source(in); destination(out); flags(flow-control); }};
""")
        libraries = [
            UNPACKED / "usr/lib/syslog-ng", *sorted(UNPACKED.glob("usr/lib/*-linux-gnu")),
            *sorted(UNPACKED.glob("lib/*-linux-gnu"))]
        modules, = (UNPACKED / "usr/lib/syslog-ng").glob("[0-9]*")
        with open(work / "syslog-ng.log", "wb") as log:
            process = subprocess.Popen(
                [UNPACKED / "usr/sbin/syslog-ng", "-F", "-e", "--no-caps",
                 "-f", work / "syslog-ng.conf", f"--module-path={modules}",
                 f"--persist-file={work / 'persist'}", f"--pidfile={work / 'pid'}",
                 f"--control={work / 'control'}"],
                stdout=log, stderr=log,
                env={**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, libraries))})
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def read_until(bootstrap, topic, count, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        read = KafkaPython.read(bootstrap, topic)
        if len(read) >= count or time.monotonic() > deadline:
            return read
        time.sleep(0.2)


@pytest.mark.parametrize("options", [
    "config(compression.codec(lz4))",
    "config(compression.codec(zstd) enable.idempotence(true)) workers(2)",
    # Each batch in a transaction of its own.
    "sync-send(yes) batch-lines(100) batch-timeout(500)",
])
def test_lines_go_in_by_kafka_c(broker, topic, syslog_ng, options):
    create_topic(broker.bootstrap, topic, 1)
    port = free_port()
    syslog_ng(port, f"""kafka-c(
        bootstrap-servers("{broker.bootstrap}") topic("{topic}") key("$PROGRAM")
        message("$MSG") {options});""")
    expected = [f"event number {number} über 漢字" for number in range(COUNT)]
    with sender(port) as connection:
        for line in expected:
            connection.sendall(f"<134>Nov 22 10:00:00 host app: {line}\n".encode())
        connection.shutdown(socket.SHUT_WR)
        read = read_until(broker.bootstrap, topic, COUNT)
    values = [event.value.decode() for event in read]
    assert sorted(values) == sorted(expected)
    if "workers" not in options:
        assert values == expected
    assert {event.key for event in read} == {b"app"}


def test_nothing_is_lost_while_the_broker_is_away(make_broker, topic, syslog_ng):
    broker = make_broker()
    create_topic(broker.bootstrap, topic, 1)
    port = free_port()
    syslog_ng(port, f"""kafka-c(
        bootstrap-servers("{broker.bootstrap}") topic("{topic}") message("$MSG")
        config(reconnect.backoff.max.ms(500)));""")
    expected = [f"event number {number}" for number in range(COUNT)]
    with sender(port) as connection:
        for number, line in enumerate(expected):
            connection.sendall(f"<134>Nov 22 10:00:00 host app: {line}\n".encode())
            if number == COUNT // 2:
                read_until(broker.bootstrap, topic, 1)
                broker.kill()
        broker.start()
        read = read_until(broker.bootstrap, topic, COUNT)
    assert {event.value.decode() for event in read} == set(expected)
