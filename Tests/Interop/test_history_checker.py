"""The history checker itself: each anomaly in a history made by hand, and none in the same history
without it; and random histories of a modelled log with one corruption each. Needs no broker.

VARVE_SEED repeats the random histories of a run.
"""
import os
import random
import time
import tracemalloc

import pytest

from history import READ_COMMITTED, Assign, Ends, History, Poll, Process, Revoke, Transaction
from history_checker import check
from history_model import CORRUPTIONS, Model

A, B = ("a", 0), ("b", 0)


class Script:
    """A history by hand: one producer p, its transactions, and consumers by name."""

    def __init__(self):
        self.history = History()
        self.producer = Process("p")
        self.consumers = {}
        self.number = 0

    def consumer(self, name="c", **options):
        if name not in self.consumers:
            self.consumers[name] = Process(name, **options)
        return self.consumers[name]

    def send(self, value, offset=None, place=A, status="ok", process=None, **options):
        send = self.history.send(process or self.producer, place, value, **options)
        send.offset = offset
        send.end(status)
        return send

    def poll(self, *records, name="c", place=A, transaction=None, **options):
        poll = self.history.add(Poll(self.consumer(name, **options), transaction))
        poll.records = [(place, offset, value) for offset, value in records]
        poll.end("ok")
        return poll

    def assign(self, position, name="c", place=A, **options):
        self.history.add(Assign(self.consumer(name, **options), {place: position})).end("ok")

    def revoke(self, name="c", place=A):
        self.history.add(Revoke(self.consumer(name), [place])).end("ok")

    def transact(self, status, *values, place=A, asked=True, places=None):
        """Values at offsets: ("x", 3). `places` gives each its own place."""
        one = self.history.add(Transaction(self.producer))
        for number, (value, offset) in enumerate(values):
            where = places[number] if places else place
            self.send(value, offset, where, transaction=one)
        if asked:
            one.asks_commit()
        one.end(status)
        return one

    def ends(self, stable, end):
        self.history.add(Ends(self.producer, {A: (stable, end)})).end("ok")


COMMITTED = {"isolation": READ_COMMITTED}


def lost_write(s, wrong):
    for offset, value in enumerate("xyz"):
        s.send(value, offset)
    s.poll((0, "x"), *([] if wrong else [(1, "y")]), (2, "z"))


def seen_and_gone(s, wrong):
    for offset, value in enumerate("xyz"):
        s.send(value, status="info")
    s.poll((0, "x"), (1, "y"))
    s.poll((0, "x"), *([] if wrong else [(1, "y")]), (2, "z"), name="final", final=True)


def seen_committed_and_gone(s, wrong):
    s.transact("info", ("x", None))
    s.send("y", 2)
    s.poll((0, "x"), **COMMITTED)
    s.poll(*([] if wrong else [(0, "x")]), (2, "y"), name="final", final=True, **COMMITTED)


def unseen(s, wrong):
    s.send("x", 0)
    s.send("y", 1)
    s.poll((0, "x"), *([] if wrong else [(1, "y")]))


def unseen_without_an_offset(s, wrong):
    s.send("x", 0)
    s.send("y")
    s.poll((0, "x"), *([] if wrong else [(1, "y")]))


def duplicate(s, wrong):
    s.send("x", 0)
    s.poll((0, "x"), *([(1, "x")] if wrong else []))


def two_values_at_an_offset(s, wrong):
    s.send("x", status="info")
    s.send("y", status="info")
    s.poll((0, "x"))
    s.poll((0, "y" if wrong else "x"), name="d")


def acknowledged_where_another_is(s, wrong):
    s.send("x", 0)
    s.send("y", 1, process=Process("q"))
    s.send("z", 1 if wrong else 2)
    s.poll((0, "x"), (1, "y"), (2, "z"))


def acknowledged_elsewhere(s, wrong):
    s.send("x", 1 if wrong else 0)
    s.poll((0, "x"))


def spurious_zero(s, wrong):
    s.send("x", 0)
    s.send("y", 0 if wrong else 1)
    s.poll((0, "x"), (1, "y"))


def spurious_zero_without_a_reader_of_it(s, wrong):
    s.send("x", 4)
    s.send("y", 0 if wrong else 5)
    s.poll((4, "x"), (5, "y"))


def spurious_minus_one(s, wrong):
    s.send("x", -1 if wrong else 0)
    s.poll((0, "x"))


def hole(s, wrong):
    s.history.dense.add("a")
    s.send("x", 0)
    s.send("y", 2 if wrong else 1)
    s.poll((0, "x"), (2 if wrong else 1, "y"))


def phantom(s, wrong):
    s.send("x", 0)
    s.poll((0, "x"), *([(1, "nobody's")] if wrong else []))


def misplaced(s, wrong):
    s.send("x", status="info")
    s.poll((0, "x"), place=B if wrong else A)


def back_within_a_poll(s, wrong):
    s.send("x", 0)
    s.send("y", 1)
    s.poll((1, "y"), (0, "x")) if wrong else s.poll((0, "x"), (1, "y"))


def back_between_polls(s, wrong):
    s.send("x", 0)
    s.send("y", 1)
    s.assign(0)
    s.poll((0, "x"), (1, "y"))
    if not wrong:
        s.assign(1)  # begins anew, so it may
    s.poll((1, "y"))


def back_after_a_revocation(s, wrong):
    s.send("x", 0)
    s.assign(0)
    s.poll((0, "x"))
    if not wrong:
        s.revoke()
    s.poll((0, "x"))


def three(s):
    for offset, value in enumerate("xyz"):
        s.send(value, offset)
    s.poll((0, "x"), (1, "y"), (2, "z"), name="other")


def skipped_within_a_poll(s, wrong):
    three(s)
    s.poll((0, "x"), *([] if wrong else [(1, "y")]), (2, "z"))


def skipped_between_polls(s, wrong):
    three(s)
    s.poll((0, "x"))
    s.poll((2 if wrong else 1, "z" if wrong else "y"))


def skipped_at_the_start(s, wrong):
    three(s)
    s.assign(0 if wrong else 1)
    s.poll((1, "y"), (2, "z"))


def skipped_committed(s, wrong):
    # An aborted record in between is no reason; a committed one is.
    s.send("w", 0)
    s.transact("ok" if wrong else "fail", ("x", 1))
    s.send("y", 3)
    s.poll((0, "w"), *([(1, "x")] if wrong else []), (3, "y"), name="other", **COMMITTED)
    s.poll((0, "w"), (1, "x"), (3, "y"), name="all")
    s.poll((0, "w"), (3, "y"), **COMMITTED)


def skipped_by_a_group(s, wrong):
    three(s)
    for name, record in (("m", (0, "x")), ("n", (2, "z") if wrong else (1, "y"))):
        s.assign(None, name=name, group="g")
        s.poll(record, name=name, group="g")


def sends_out_of_order(s, wrong):
    s.send("x", 2 if wrong else 1)
    s.send("y", 1 if wrong else 2)
    s.poll((1, "y" if wrong else "x"), (2, "x" if wrong else "y"))


def aborted_read(s, wrong):
    s.transact("fail", ("x", 0))
    s.poll((0, "x"))  # without isolation anybody may
    s.poll(*([(0, "x")] if wrong else []), name="d", **COMMITTED)


def failed_read(s, wrong):
    s.send("x", status="fail")
    s.poll(*([(0, "x")] if wrong else []))


def uncommitted_read(s, wrong):
    one = s.history.add(Transaction(s.producer))
    s.send("x", 0, transaction=one)
    if wrong:
        s.poll((0, "x"), **COMMITTED)
        time.sleep(0.001)
    one.asks_commit()
    one.end("ok")
    s.poll((0, "x"), name="d", **COMMITTED)


def torn(s, wrong, status="ok"):
    s.transact(status, ("x", 0), ("y", 1), ("z", 0), places=[A, A, B])
    s.send("w", 3)
    s.poll((0, "x"), *([] if wrong else [(1, "y")]), (3, "w"), **COMMITTED)
    s.poll((0, "z"), place=B, **COMMITTED)


def torn_indeterminate(s, wrong):
    torn(s, wrong, "info")


def indeterminate(s, wrong):
    """Nothing of it is there: so it was aborted, unless the broker said otherwise."""
    s.transact("ok" if wrong else "info", ("x", 0), ("y", 1))
    s.send("w", 3)
    s.poll((3, "w"), **COMMITTED)


def cycle(s, wrong):
    first = s.transact("ok", ("x", 0))
    second = s.transact("ok", ("y", 0), place=B)
    s.poll((0, "y"), place=B, transaction=first, name="c")
    if wrong:
        s.poll((0, "x"), transaction=second, name="d")
    else:
        s.poll((0, "x"), name="d")


def hanging(s, wrong):
    s.ends(1, 5)
    s.ends(4 if wrong else 5, 5)


def moved_twice(s, wrong):
    s.history.moved.add("a")
    s.send("x", 0)
    s.poll((0, "x"), **COMMITTED)
    for number, offset in enumerate([0, 1] if wrong else [0]):
        s.send(f"{number}-of-x", offset, place=B, source="x")
        s.poll((offset, f"{number}-of-x"), place=B, **COMMITTED)


def not_moved(s, wrong):
    s.history.moved.add("a")
    s.send("x", 0)
    s.poll((0, "x"), **COMMITTED)
    s.send("of-x", 0, place=B, source="x", status="fail" if wrong else "ok")
    s.poll(*([] if wrong else [(0, "of-x")]), place=B, **COMMITTED)


CASES = [
    (lost_write, "lost-write"), (seen_and_gone, "lost-write"),
    (seen_committed_and_gone, "lost-write"), (unseen, "unseen"),
    (unseen_without_an_offset, "unseen"), (duplicate, "duplicate"),
    (two_values_at_an_offset, "inconsistent-offset"),
    (acknowledged_where_another_is, "inconsistent-offset"),
    (acknowledged_elsewhere, "inconsistent-offset"), (spurious_zero, "spurious-offset"),
    (spurious_zero_without_a_reader_of_it, "spurious-offset"),
    (spurious_minus_one, "spurious-offset"), (hole, "hole"), (phantom, "phantom-read"),
    (misplaced, "phantom-read"), (back_within_a_poll, "nonmonotonic-poll-internal"),
    (back_between_polls, "nonmonotonic-poll-external"),
    (back_after_a_revocation, "nonmonotonic-poll-external"),
    (skipped_within_a_poll, "skipped-poll-internal"),
    (skipped_between_polls, "skipped-poll-external"),
    (skipped_at_the_start, "skipped-poll-external"),
    (skipped_committed, "skipped-poll-internal"), (skipped_by_a_group, "skipped-by-group"),
    (sends_out_of_order, "nonmonotonic-send"), (aborted_read, "aborted-read"),
    (failed_read, "aborted-read"), (uncommitted_read, "uncommitted-read"),
    (torn, "torn-transaction"), (torn_indeterminate, "torn-transaction"),
    (indeterminate, "lost-transaction"), (cycle, "write-read-cycle"),
    (hanging, "hanging-transaction"), (moved_twice, "moved-twice"), (not_moved, "not-moved"),
]


@pytest.mark.parametrize("case, name", CASES, ids=[case.__name__ for case, _ in CASES])
def test_an_anomaly_is_found_and_nothing_else(case, name):
    script = Script()
    case(script, wrong=True)
    verdict = check(script.history)
    assert dict(verdict.counts) == {name: 1}, verdict
    assert verdict.examples[0].text
    assert verdict.examples[0].operations or name in ("hole", "not-moved")


@pytest.mark.parametrize("case", [case for case, _ in CASES], ids=lambda case: case.__name__)
def test_without_the_anomaly_nothing_is_found(case):
    script = Script()
    case(script, wrong=False)
    verdict = check(script.history)
    assert not verdict.counts, verdict


def test_every_anomaly_that_the_checker_names_has_a_case():
    import history_checker
    table = [line.split("|")[1] for line in history_checker.__doc__.splitlines()
             if line.startswith("| ") and "anomaly" not in line]
    named = set()
    for cell in table:
        for name in cell.replace("skipped-poll-internal, -external",
                                 "skipped-poll-internal, skipped-poll-external").split(","):
            named.add(name.strip())
    assert named == {name for _, name in CASES}


def test_a_record_whose_offset_another_has_is_lost_too():
    script = Script()
    script.send("x", 1)
    script.send("y", status="info")
    script.poll((1, "y"))
    verdict = check(script.history)
    assert verdict.counts == {"inconsistent-offset": 1, "lost-write": 1}, verdict


def test_an_offset_acknowledged_twice_is_noticed_without_a_reader():
    script = Script()
    script.send("x", 1)
    script.send("y", 1, process=Process("q"))
    verdict = check(script.history)
    assert verdict.counts == {"inconsistent-offset": 1}, verdict


def test_what_producers_without_a_promise_may_do():
    """Doubles of a retry, and offsets in another order, where the client does not exclude them."""
    script = Script()
    loose = Process("loose", once=False, ordered=False)
    script.send("x", 2, process=loose)
    script.send("y", 1, process=loose)
    script.poll((0, "x"), (1, "y"), (2, "x"))
    verdict = check(script.history)
    assert not verdict.counts, verdict


def test_a_value_sent_twice_is_refused():
    script = Script()
    script.send("x", 0)
    script.send("x", 1)
    with pytest.raises(ValueError, match="'x' twice"):
        check(script.history)


def seeds(count):
    first = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    print(f"VARVE_SEED={first}")
    return range(first, first + count)


def test_random_clean_histories_are_clean():
    for seed in seeds(20):
        verdict = check(Model(seed).history)
        assert not verdict.counts, f"seed {seed}: {verdict}"


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.__name__)
def test_one_corruption_is_reported_as_just_that(corruption):
    for seed in seeds(20):
        model = Model(seed, operations=1_000)
        name = corruption(model)
        verdict = check(model.history)
        assert dict(verdict.counts) == {name: 1}, f"seed {seed}: {verdict}"


def test_a_long_history_takes_little_time_and_memory():
    model = Model(1, operations=100_000)
    records = sum(len(o.records) for o in model.history if isinstance(o, Poll))
    tracemalloc.start()
    try:
        verdict = check(model.history)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not verdict.counts, verdict
    # A constant times what it holds: with a quadratic step this takes gigabytes or hours.
    assert peak < 1000 * (len(model.history) + records), peak
