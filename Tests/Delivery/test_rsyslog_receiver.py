"""rsyslog as the receiver of our CEF: its imtcp takes every message whole."""
import random
import shutil
import subprocess
import time

import pytest

import checks
from deployment import free_port, wait_until
from feed import PARTITIONS, Feed
from stubs import cef_extension

RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
pytestmark = pytest.mark.skipif(RSYSLOGD is None, reason="rsyslogd is not installed")


class Rsyslog:
    """rsyslogd that writes what comes in, one raw message a line."""

    def __init__(self, work, transport="", port=None):
        self.port, self.out = port or free_port(), work / "cef.log"
        (work / "rsyslog").mkdir(exist_ok=True)
        configuration = work / "rsyslog.conf"
        configuration.write_text(f'''
global(workDirectory="{work}/rsyslog" maxMessageSize="64k")
module(load="imtcp" {transport})
template(name="raw" type="string" string="%rawmsg%\\n")
input(type="imtcp" address="127.0.0.1" port="{self.port}" ruleset="store")
ruleset(name="store") {{ action(type="omfile" file="{self.out}" template="raw") }}
''')
        with open(work / "rsyslog.log", "wb") as log:
            self.process = subprocess.Popen(
                [RSYSLOGD, "-n", "-f", str(configuration), "-i", str(work / "rsyslog.pid")],
                stdout=log, stderr=log)

    def messages(self):
        return self.out.read_bytes().splitlines() if self.out.exists() else []

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def test_rsyslog_receives_every_message(deploy, stub, work):
    rsyslog = stub(Rsyslog, work)
    deployment = deploy(
        [{"name": "siem", "topics": ["events"],
          "sink": {"type": "syslog", "address": f"127.0.0.1:{rsyslog.port}"}}],
        settings={"num.partitions": PARTITIONS})
    feed = Feed(deployment.bootstrap, "events", random.Random(3))
    time.sleep(3)
    expected = feed.stop()
    wait_until(
        lambda: len(rsyslog.messages()) >= len(expected), 30,
        f"rsyslog has all of {len(expected)} messages")
    identities = []
    for message in rsyslog.messages():
        # rawmsg is the message without its count: rsyslog understood the framing.
        assert message.startswith(b"<134>1 "), message[:100]
        fields = cef_extension(message)
        identities.append(fields["externalId"])
        value = expected[fields["externalId"]].decode()
        if not value.startswith("{"):
            assert fields["msg"] == value
    checks.in_order(identities, "rsyslog")
    assert sorted(identities) == sorted(expected)
