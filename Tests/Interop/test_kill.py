"""kill -9 of the broker under load from kcat, at random moments: every acknowledged event is there
afterwards, once per acknowledged offset. test_history.py does it to clients in this process.

VARVE_KILLS says how often each load sees its broker killed: 5 by default, 100 in the full run.
VARVE_SEED repeats the moments of a run.
"""
import os
import random
import re
import subprocess
import threading
import time

import pytest

from broker import kill_at_random_moments
from clients import KafkaPython, create_topic

KILLS = int(os.environ.get("VARVE_KILLS", "5"))


class KcatLoad:
    """A kcat that is fed numbered lines; it says the offset of each delivery (-vvv)."""

    def __init__(self, bootstrap, topic, acks, idempotent):
        self.sent = 0
        self.stopping = False
        self.delivered = []
        self.process = subprocess.Popen(
            ["kcat", "-b", bootstrap, "-P", "-t", topic, "-p", "0", "-E", "-v", "-v",
             "-X", f"acks={acks}", "-X", f"enable.idempotence={str(idempotent).lower()}",
             "-X", "linger.ms=2", "-X", "batch.num.messages=50",
             "-X", "reconnect.backoff.max.ms=200", "-X", "retry.backoff.ms=50",
             "-X", "message.timeout.ms=120000", "-X", "socket.timeout.ms=10000"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.threads = [
            threading.Thread(target=run, daemon=True) for run in (self.feed, self.listen)]
        for thread in self.threads:
            thread.start()

    def feed(self):
        while not self.stopping:
            self.process.stdin.write(b"%d %s\n" % (self.sent, b"x" * 100))
            self.process.stdin.flush()
            self.sent += 1
            time.sleep(0.001)
        self.process.stdin.close()

    def listen(self):
        for line in self.process.stderr:
            found = re.search(rb"delivered to partition 0 \(offset (\d+)\)", line)
            if found:
                self.delivered.append(int(found[1]))

    def finish(self):
        self.stopping = True
        self.threads[0].join(10)
        status = self.process.wait(150)
        self.threads[1].join(10)
        assert status == 0, status


@pytest.mark.parametrize("acks, idempotent", [("all", True), (1, False)])
def test_nothing_acknowledged_to_kcat_is_lost(make_broker, topic, acks, idempotent):
    broker = make_broker()
    create_topic(broker.bootstrap, topic, 1)
    seed = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    print(f"kcat: VARVE_SEED={seed}")
    load = KcatLoad(broker.bootstrap, topic, acks, idempotent)
    kill_at_random_moments(broker, KILLS, (0.05, 1.2), random.Random(seed))
    time.sleep(0.3)
    load.finish()
    events = KafkaPython.read(broker.bootstrap, topic)
    assert [event.offset for event in events] == list(range(len(events)))
    numbers = [int(event.value.split()[0]) for event in events]
    # kcat ended well, so every line was acknowledged; each delivery named its own offset.
    assert set(numbers) == set(range(load.sent))
    assert len(load.delivered) == load.sent
    assert len(set(load.delivered)) == load.sent, "an offset was acknowledged twice"
    assert set(load.delivered) <= {event.offset for event in events}
    if idempotent:
        assert numbers == list(range(load.sent))
    print(f"{load.sent} lines, {len(events)} events, {KILLS} kills")
