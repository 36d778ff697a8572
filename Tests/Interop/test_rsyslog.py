"""rsyslog as people run it: omkafka writes lines to a topic, imkafka takes them out again."""
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from broker import free_port
from clients import ConfluentKafka, KafkaPython, create_topic
from events import Event

RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
COUNT = 500
pytestmark = pytest.mark.skipif(RSYSLOGD is None, reason="rsyslogd is not installed")


@pytest.fixture
def rsyslog(work):
    """Starts an rsyslogd with a configuration of its own."""
    processes = []

    def start(name, configuration):
        directory = work / name
        directory.mkdir()
        (directory / "rsyslog.conf").write_text(
            f'global(workDirectory="{directory}")\n' + configuration)
        log = open(directory / "rsyslog.log", "wb")
        process = subprocess.Popen(
            [RSYSLOGD, "-n", "-f", str(directory / "rsyslog.conf"),
             "-i", str(directory / "rsyslog.pid")], stdout=log, stderr=log)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def wait_for_lines(path, count, seconds=30):
    deadline = time.monotonic() + seconds
    while len(lines_of(path)) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return lines_of(path)


def sender(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_lines_go_in_by_omkafka_and_out_by_imkafka(broker, topic, rsyslog, work):
    create_topic(broker.bootstrap, topic, 1)
    port = free_port()
    out = work / "out.txt"
    rsyslog("in", f'''
module(load="imtcp")
module(load="omkafka")
template(name="plain" type="string" string="%msg%")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="forward")
ruleset(name="forward") {{
    action(type="omkafka" topic="{topic}" broker=["{broker.bootstrap}"] template="plain"
           confParam=["compression.codec=lz4"] resubmitOnFailure="on"
           action.resumeRetryCount="-1" action.resumeInterval="1")
}}
''')
    rsyslog("out", f'''
module(load="imkafka")
template(name="plain" type="string" string="%msg%\\n")
input(type="imkafka" topic="{topic}" broker="127.0.0.1:{broker.port}" consumergroup="{topic}"
      confParam=["auto.offset.reset=earliest"] ruleset="store")
ruleset(name="store") {{ action(type="omfile" file="{out}" template="plain") }}
''')
    expected = [f"event number {number} über 漢字" for number in range(COUNT)]
    with sender(port) as connection:
        for line in expected:
            connection.sendall(f"<134>Nov 22 10:00:00 host app: {line}\n".encode())
    found = wait_for_lines(out, COUNT)
    assert [line.strip() for line in found] == expected
    read = KafkaPython.read(broker.bootstrap, topic)
    assert [event.value.decode().strip() for event in read] == expected


def test_imkafka_reads_what_other_clients_wrote(broker, topic, rsyslog, work):
    create_topic(broker.bootstrap, topic, 1)
    expected = [f"from another client {number}" for number in range(COUNT)]
    ConfluentKafka.write(
        broker.bootstrap, topic, [Event(line.encode()) for line in expected], "gzip")
    out = work / "out.txt"
    rsyslog("out", f'''
module(load="imkafka")
template(name="plain" type="string" string="%rawmsg%\\n")
input(type="imkafka" topic="{topic}" broker="127.0.0.1:{broker.port}" consumergroup="{topic}"
      confParam=["auto.offset.reset=earliest"] ruleset="store")
ruleset(name="store") {{ action(type="omfile" file="{out}" template="plain") }}
''')
    found = wait_for_lines(out, COUNT)
    assert [line.strip() for line in found] == expected
