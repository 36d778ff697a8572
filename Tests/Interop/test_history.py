"""kill -9 of the broker at random moments while clients of all kinds produce, consume and transact
side by side; what they did and were told goes into one history, and the checker finds nothing wrong
with it.

VARVE_KILLS says how often a broker is killed: 5 by default, 100 in the full run, not more than 50
times in one history. VARVE_SEED repeats the moments and the clients' choices of a run.
"""
import os
import random

import pytest

from broker import kill_at_random_moments
from history import Poll, Send
from history_checker import check
from history_workload import PLAIN, SETTINGS, TARGET, judge, run

KILLS = int(os.environ.get("VARVE_KILLS", "5"))
# The checker holds a whole history in memory: about half a gigabyte after so many kills.
KILLS_MAX = 50


def assert_a_loss_is_noticed(history):
    """A clean verdict says something of this history: with one record erased it is another."""
    send = next(o for o in history
                if isinstance(o, Send) and o.place[0] == PLAIN and o.offset is not None)
    for poll in history:
        if isinstance(poll, Poll):
            poll.records = [record for record in poll.records if record[2] != send.value]
    verdict = check(history)
    assert verdict.counts == {"lost-write": 1}, verdict


def rounds(kills):
    return [min(KILLS_MAX, kills - before) for before in range(0, kills, KILLS_MAX)]


@pytest.mark.parametrize("number, kills", list(enumerate(rounds(KILLS))))
def test_the_history_of_many_clients_is_clean_over_kills(make_broker, work, number, kills):
    seed = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    print(f"history: VARVE_SEED={seed}")
    chance = random.Random(seed + number)
    broker = make_broker(SETTINGS)
    history = run(
        broker, chance, lambda: kill_at_random_moments(broker, kills, (0.3, 2.0), chance))
    verdict = judge(history, f"{kills} kills", work / "history.txt")
    assert not verdict.counts, verdict
    counts = history.counts()
    assert counts["committed"] >= 5 * kills and counts["acknowledged"] >= 100 * kills, counts
    moved = sum(isinstance(o, Send) and o.place[0] == TARGET and o.status == "ok" for o in history)
    assert moved >= 10 * kills
    assert_a_loss_is_noticed(history)
