"""Random histories of a modelled log that does no wrong, and what may be done to one of them so
that it shows just one anomaly."""
import random

from history import (READ_COMMITTED, READ_UNCOMMITTED, Assign, Ends, History, Poll, Process,
                     Revoke, Send, Transaction)

PLACES = [("plain", 0), ("plain", 1), ("mixed", 0), ("mixed", 1)]


class Model:
    """Producers, transactions and consumers on four partitions, about `operations` operations."""

    def __init__(self, seed, operations=400):
        self.random = random.Random(seed)
        self.history = History()
        self.history.dense.add("plain")
        # Each offset of a place: a send, or None for a marker.
        self.logs = {place: [] for place in PLACES}
        # By process its open transaction; and whether those that ended were committed.
        self.open, self.decided = {}, {}
        self.number = 0
        self.plain = [Process(f"plain-{n}") for n in range(2)]
        self.transactional = [Process(f"transactional-{n}") for n in range(3)]
        self.consumers = [
            Process(f"consumer-{n}", isolation=isolation, group=group)
            for n, (isolation, group) in enumerate([
                (READ_COMMITTED, None), (READ_UNCOMMITTED, None), (READ_COMMITTED, "g"),
                (READ_COMMITTED, "g")])]
        self.positions, self.committed = {}, dict.fromkeys(PLACES, 0)
        for consumer in self.consumers:
            if consumer.group is None:
                self.assign(consumer, dict.fromkeys(PLACES, 0))
        self.rebalance()
        steps = [self.send] * 6 + [self.transact] * 6 + [self.poll] * 4
        while len(self.history) < operations:
            self.random.choice(steps)()
            if self.random.random() < 0.01:
                self.random.choice([self.rebalance, self.seek])()
        for process in list(self.open):
            self.finish(process)
        self.history.add(Ends(self.plain[0], {
            place: (len(log), len(log)) for place, log in self.logs.items()})).end("ok")
        for isolation in (READ_UNCOMMITTED, READ_COMMITTED):
            final = Process(f"final-{isolation}", isolation=isolation, final=True)
            for place, log in self.logs.items():
                self.read(final, place, 0, len(log))

    def value(self):
        self.number += 1
        return f"v{self.number}"

    def append(self, process, place, transaction=None):
        log = self.logs[place]
        send = self.history.send(process, place, self.value(), transaction)
        if transaction is None and self.random.random() < 0.05:
            # The answer was lost; perhaps the request, too.
            if self.random.random() < 0.5:
                return
        else:
            send.acknowledge(len(log))
        log.append(send)

    def send(self):
        self.append(self.random.choice(self.plain), self.random.choice(PLACES))

    def transact(self):
        process = self.random.choice(self.transactional)
        if process not in self.open:
            self.open[process] = self.history.add(Transaction(process))
        for _ in range(self.random.randint(1, 3)):
            self.append(process, self.random.choice(PLACES[2:]), self.open[process])
        if self.random.random() < 0.4:
            self.finish(process)

    def finish(self, process):
        transaction = self.open.pop(process)
        commits = self.random.random() < 0.7
        if commits or self.random.random() < 0.3:
            transaction.asks_commit()
        certain = self.random.random() < 0.9
        for place in {send.place for send in transaction.sends}:
            self.logs[place].append(None)
        if transaction.commit is None or certain:
            transaction.end("ok" if commits else "fail")
        self.decided[transaction] = commits

    def stable(self, place):
        """The last stable offset."""
        return min(
            (send.offset for transaction in self.open.values() for send in transaction.sends
             if send.place == place and send.offset is not None), default=len(self.logs[place]))

    def visible(self, process, send):
        if send is None:
            return False
        if process.isolation == READ_UNCOMMITTED or send.transaction is None:
            return True
        return self.decided[send.transaction]

    def poll(self):
        consumer = self.random.choice(self.consumers)
        held = [place for place in PLACES if (consumer, place) in self.positions]
        if not held:
            return
        place = self.random.choice(held)
        start, log = self.positions[consumer, place], self.logs[place]
        end = min(
            start + self.random.randint(1, 20),
            self.stable(place) if consumer.isolation == READ_COMMITTED else len(log))
        self.read(consumer, place, start, end)
        self.positions[consumer, place] = max(start, end)
        if consumer.group and self.random.random() < 0.7:
            self.committed[place] = max(start, end)

    def read(self, consumer, place, start, end):
        poll = self.history.add(Poll(consumer))
        poll.records = [
            (place, offset, self.logs[place][offset].value) for offset in range(start, end)
            if self.visible(consumer, self.logs[place][offset])]
        poll.end("ok")

    def assign(self, consumer, positions):
        self.history.add(Assign(consumer, positions)).end("ok")
        for place, position in positions.items():
            self.positions[consumer, place] = (
                self.committed[place] if position is None else position)

    def rebalance(self):
        members = [consumer for consumer in self.consumers if consumer.group]
        for member in members:
            held = [place for place in PLACES
                    if self.positions.pop((member, place), None) is not None]
            self.history.add(Revoke(member, held)).end("ok")
        for place in PLACES:
            self.assign(self.random.choice(members), {place: None})

    def seek(self):
        consumer, place = self.consumers[self.random.randrange(2)], self.random.choice(PLACES)
        self.assign(consumer, {place: self.random.randint(0, self.positions[consumer, place])})

    # What a corruption picks from.

    def pick(self, candidates):
        return self.random.choice(list(candidates))

    def polls(self, final=None):
        return [o for o in self.history if isinstance(o, Poll)
                and (final is None or o.process.final == final)]

    def erase(self, send):
        """Nobody ever saw it."""
        for poll in self.polls():
            poll.records = [record for record in poll.records if record[2] != send.value]

    def plain_sends(self):
        return [o for o in self.history
                if isinstance(o, Send) and o.transaction is None and o.status == "ok"]

    def settled(self, status, sends=1):
        return [o for o in self.history if isinstance(o, Transaction) and o.status == status
                and len(o.sends) >= sends]

    def add_to_finals(self, place, offset, value):
        for poll in self.polls(final=True):
            if poll.records and poll.records[0][0] == place:
                poll.records.append((place, offset, value))


def drop(model):
    ends = {place: len(log) for place, log in model.logs.items()}
    last = {place: max(o for o in range(ends[place])
                       if model.logs[place][o] is not None
                       and model.logs[place][o].transaction is None) for place in PLACES}
    model.erase(model.pick(s for s in model.plain_sends() if s.offset < last[s.place]))
    return "lost-write"


def drop_the_last(model):
    place = model.pick(PLACES[:2])
    last = model.logs[place][-1]
    if last.status != "ok":
        last.acknowledge(len(model.logs[place]) - 1)
    model.erase(last)
    return "unseen"


def duplicate(model):
    send = model.pick(model.plain_sends())
    model.add_to_finals(send.place, len(model.logs[send.place]), send.value)
    return "duplicate"


def swap(model):
    poll = model.pick(p for p in model.polls(final=False) if len(p.records) > 1)
    at = model.random.randrange(len(poll.records) - 1)
    poll.records[at], poll.records[at + 1] = poll.records[at + 1], poll.records[at]
    return "nonmonotonic-poll-internal"


def answer_zero(model):
    model.pick(s for s in model.plain_sends() if s.offset > 0).offset = 0
    return "spurious-offset"


def change_a_value(model):
    """One consumer gets at an offset what another send wrote elsewhere in the partition."""
    known, candidates = set(), []
    for poll in model.polls(final=False):
        places = [record[:2] for record in poll.records]
        candidates += [(poll, at) for at, place in enumerate(places) if place in known]
        known.update(places)
    poll, at = model.pick(candidates)
    place, offset, value = poll.records[at]
    other = model.pick(s for s in model.plain_sends() if s.place == place and s.value != value)
    poll.records[at] = (place, offset, other.value)
    return "inconsistent-offset"


def pass_over(model):
    del model.pick(
        poll for poll in model.polls(final=False)
        if poll.process.group is None and len(poll.records) > 2).records[1]
    return "skipped-poll-internal"


def expose_an_aborted(model):
    """In one poll of a consumer, where the record lies."""
    candidates = []
    for poll in model.polls(final=False):
        if poll.process.isolation != READ_COMMITTED or poll.process.group or len(poll.records) < 2:
            continue
        place, first = poll.records[0][:2]
        for offset in range(first + 1, poll.records[-1][1]):
            send = model.logs[place][offset]
            if send and send.transaction and send.transaction.status == "fail":
                candidates.append((poll, place, offset, send.value))
    poll, *record = model.pick(candidates)
    poll.records = sorted([*poll.records, tuple(record)], key=lambda one: one[1])
    return "aborted-read"


def tear(model):
    model.erase(model.pick(model.settled("ok", 2)).sends[0])
    return "torn-transaction"


def lose_a_transaction(model):
    """One with committed records behind each of its own."""
    def passed(send):
        return any(
            later and model.visible(model.consumers[0], later)
            and later.transaction is not send.transaction
            for later in model.logs[send.place][send.offset:])

    transaction = model.pick(t for t in model.settled("ok") if all(map(passed, t.sends)))
    for send in transaction.sends:
        model.erase(send)
    return "lost-transaction"


def hang(model):
    ends = next(o for o in model.history if isinstance(o, Ends))
    place = model.pick(PLACES)
    ends.marks[place] = (ends.marks[place][0] - 1, ends.marks[place][1])
    return "hanging-transaction"


CORRUPTIONS = [
    drop, drop_the_last, duplicate, swap, answer_zero, change_a_value, pass_over,
    expose_an_aborted, tear, lose_a_transaction, hang]
