"""Finds in a history what a broker must not do, each as a named anomaly with its operations.

| anomaly | what happened |
|---|---|
| lost-write | acknowledged or once read, and not there though later offsets were read |
| unseen | acknowledged, and the final readers found it nowhere |
| duplicate | one value at two offsets, and its producer sends each once |
| inconsistent-offset | two values at one offset, or a value not where its acknowledgement says |
| spurious-offset | an acknowledgement with a negative offset, or a zero where another value is |
| hole | an offset without a record, in a topic without transactions |
| phantom-read | a value that nobody sent to that place |
| nonmonotonic-poll-internal | a consumer goes back within one poll |
| nonmonotonic-poll-external | a consumer goes back from one poll to the next, in one assignment |
| skipped-poll-internal, -external | a consumer passes over a record that others saw |
| skipped-by-group | a group went on behind a record that none of its members saw |
| nonmonotonic-send | a later send of one producer to one partition has the lower offset |
| aborted-read | a record of an aborted transaction (or failed send) is read as committed (G1a) |
| uncommitted-read | a record is read as committed before its commit was asked for |
| torn-transaction | a part of a transaction is there |
| lost-transaction | nothing of a committed transaction is there |
| write-read-cycle | committed transactions that read each other's writes (G1c) |
| hanging-transaction | in the end the last stable offset is not the high watermark |
| moved-twice, not-moved | a record that transactions move is moved twice, or never |

Where the history has no final reader, what all consumers saw counts as what is there.

Takes O(n log n) time for n operations and records, and memory for the offsets and values of each
place a few times over: a million operations with 2.4 million records read take 24 s and 0.65 GB,
beside 0.5 GB for the history itself.
"""
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass

from history import READ_COMMITTED, READ_UNCOMMITTED, Assign, Ends, Poll, Revoke, Send, Transaction
from strongly_connected import strongly_connected

# How many of each anomaly are kept to show; all are counted.
EXAMPLES = 5


@dataclass
class Anomaly:
    name: str
    text: str
    operations: list

    def __str__(self):
        shown = (f"    {operation}"[:600] for operation in self.operations)
        return "\n".join([f"{self.name}: {self.text}", *shown])


class Verdict:
    def __init__(self):
        self.counts, self.examples = Counter(), []

    def report(self, name, text, *operations):
        self.counts[name] += 1
        if self.counts[name] <= EXAMPLES:
            self.examples.append(Anomaly(name, text, [o for o in operations if o is not None]))

    def __str__(self):
        counted = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return "\n".join([counted or "no anomalies", *map(str, self.examples)])

    __repr__ = __str__


def check(history):
    """All anomalies of `history`, as a Verdict."""
    return Checker(history).run()


def at(place, offset):
    return f"{place[0]}/{place[1]}@{offset}"


class Seen:
    """What a kind of reader found: by place, the value at each offset and the poll that has it."""

    def __init__(self):
        self.places = defaultdict(dict)
        self.last = {}

    def note(self, place, offset, value, poll):
        """What is known of that place and offset: this, unless something else was seen before."""
        self.last[place] = max(self.last.get(place, -1), offset)
        return self.places[place].setdefault(offset, (value, poll))

    def end(self, place):
        return self.last.get(place, -1)

    def offsets_of_values(self):
        found = defaultdict(list)
        for place, records in self.places.items():
            for offset, (value, _) in records.items():
                found[value].append((place, offset))
        return found


class Cursor:
    """Where a consumer is in a place that is assigned to it, as ranks of the offsets known."""

    __slots__ = ("rank", "poll", "gaps")

    def __init__(self, rank):
        self.rank, self.poll, self.gaps = rank, None, []

    def fill(self, rank):
        """A record that was passed over came after all; it was reported as out of order."""
        self.gaps = [
            (*part, *gap[2:]) for gap in self.gaps
            for part in ((gap[0], min(gap[1], rank)), (max(gap[0], rank + 1), gap[1]))
            if part[0] < part[1]]


class Checker:
    def __init__(self, history):
        self.history, self.verdict = history, Verdict()
        self.sends = [o for o in history if isinstance(o, Send)]
        self.polls = [o for o in history if isinstance(o, Poll)]
        self.transactions = [o for o in history if isinstance(o, Transaction)]
        self.writers = {}
        for send in self.sends:
            if send.value in self.writers:
                raise ValueError(f"the history sends {send.value!r} twice: values must be unique")
            self.writers[send.value] = send
        # By isolation, what its consumers saw; and what is there in the end.
        self.seen = {READ_UNCOMMITTED: Seen(), READ_COMMITTED: Seen()}
        self.there = {}
        # What was lost, or was acknowledged wrongly: other checks do not report it again.
        self.lost, self.disowned = set(), set()

    def run(self):
        self.gather()
        self.acknowledgements()
        self.duplicates()
        self.order_of_polls()
        self.order_of_sends()
        self.outcomes()
        self.holes()
        self.groups()
        self.moves()
        self.cycles()
        self.ends()
        return self.verdict

    def gather(self):
        """Takes in what was read. A record that is wrong by itself counts no further."""
        self.finals = finals = any(poll.process.final for poll in self.polls)
        ends = {READ_UNCOMMITTED: Seen(), READ_COMMITTED: Seen()}
        for poll in self.polls:
            committed = poll.process.isolation == READ_COMMITTED
            if finals and poll.process.final:
                self.there[poll.process.isolation] = ends[poll.process.isolation]
            elif not finals:
                self.there[READ_UNCOMMITTED] = ends[READ_UNCOMMITTED]
                if committed:
                    self.there[READ_COMMITTED] = ends[READ_COMMITTED]
            for place, offset, value in poll.records:
                send = self.writers.get(value)
                if send is None or send.place != place:
                    self.verdict.report(
                        "phantom-read", f"{value!r} at {at(place, offset)}", poll, send)
                    continue
                known, first = self.seen[READ_UNCOMMITTED].note(place, offset, value, poll)
                if known != value:
                    self.verdict.report(
                        "inconsistent-offset",
                        f"{known!r} and {value!r} at {at(place, offset)}", first, poll)
                    continue
                if finals and poll.process.final:
                    ends[poll.process.isolation].note(place, offset, value, poll)
                elif not finals:
                    ends[READ_UNCOMMITTED].note(place, offset, value, poll)
                    if committed:
                        ends[READ_COMMITTED].note(place, offset, value, poll)
                if self.is_dirty(poll, send, committed):
                    continue
                if committed:
                    self.seen[READ_COMMITTED].note(place, offset, value, poll)

    def is_dirty(self, poll, send, committed):
        transaction = send.transaction
        if transaction is None:
            if send.status == "fail":
                self.verdict.report("aborted-read", f"{send.value!r} failed", send, poll)
            return send.status == "fail"
        if not committed:
            return False
        if transaction.status == "fail":
            self.verdict.report(
                "aborted-read", f"{send.value!r} was aborted", send, transaction, poll)
            return True
        if poll.ended is not None and transaction.commit is not None:
            if poll.ended < transaction.commit:
                self.verdict.report(
                    "uncommitted-read", f"{send.value!r} was not yet committed", send,
                    transaction, poll)
                return True
        return False

    def acknowledgements(self):
        """The offsets that the broker answered are those at which the values are found."""
        known = self.seen[READ_UNCOMMITTED].places
        taken = {}
        highest = {}
        for send in self.sends:
            if send.status != "ok" or send.offset is None:
                continue
            found = known[send.place].get(send.offset, (None, None))
            holder, ordered = (send.process, send.place), send.process.ordered
            another = found[0] not in (None, send.value)
            first = taken.get((send.place, send.offset))
            if send.offset < 0 or send.offset == 0 and (
                    another or first is not None or ordered and highest.get(holder, -1) >= 0):
                self.disowned.add(send)
                self.verdict.report(
                    "spurious-offset", f"{send.value!r} acknowledged at {send.offset}", send,
                    found[1], first)
                continue
            if another or first is not None:
                self.disowned.add(send)
                self.verdict.report(
                    "inconsistent-offset",
                    f"{send.value!r} acknowledged at {at(send.place, send.offset)}, where "
                    f"{found[0] if another else first.value!r} is", send, found[1], first)
                continue
            taken[send.place, send.offset] = send
            highest[holder] = max(highest.get(holder, -1), send.offset)

    def duplicates(self):
        for value, places in self.seen[READ_UNCOMMITTED].offsets_of_values().items():
            send = self.writers[value]
            if len(places) > 1 and send.process.once:
                polls = [self.seen[READ_UNCOMMITTED].places[p][o][1] for p, o in places[:2]]
                self.verdict.report(
                    "duplicate", f"{value!r} at {', '.join(at(*place) for place in places)}",
                    send, *polls)
            elif send not in self.disowned and send.offset is not None and send.status == "ok":
                if all(offset != send.offset for _, offset in places):
                    self.disowned.add(send)
                    self.verdict.report(
                        "inconsistent-offset",
                        f"{value!r} acknowledged at {at(send.place, send.offset)}, found at "
                        + ", ".join(at(*place) for place in places), send)

    def order_of_polls(self):
        """Within an assignment a consumer moves on from each record to the next that there is."""
        self.ranks, self.offsets = {}, {}
        for isolation, seen in self.seen.items():
            for place, records in seen.places.items():
                self.offsets[isolation, place] = offsets = sorted(records)
                self.ranks[isolation, place] = {o: n for n, o in enumerate(offsets)}
        cursors = {}
        for operation in self.history:
            process = operation.process
            if isinstance(operation, Assign):
                for place, position in operation.positions.items():
                    self.close(process, place, cursors.pop((process, place), None))
                    offsets = self.offsets.get((process.isolation, place), [])
                    cursors[process, place] = Cursor(
                        None if position is None else bisect_left(offsets, position) - 1)
            elif isinstance(operation, Revoke):
                for place in operation.places:
                    self.close(process, place, cursors.pop((process, place), None))
            elif isinstance(operation, Poll) and not process.final:
                self.follow(operation, cursors)
        for (process, place), cursor in cursors.items():
            self.close(process, place, cursor)

    def follow(self, poll, cursors):
        process = poll.process
        for place, offset, _ in poll.records:
            rank = self.ranks.get((process.isolation, place), {}).get(offset)
            if rank is None:
                continue  # reported for what it is
            cursor = cursors.get((process, place))
            if cursor is None:
                cursor = cursors[process, place] = Cursor(None)
            inside = "internal" if cursor.poll is poll else "external"
            if cursor.rank is None or rank == cursor.rank + 1:
                cursor.rank = rank
            elif rank <= cursor.rank:
                cursor.fill(rank)
                offsets = self.offsets[process.isolation, place]
                self.verdict.report(
                    f"nonmonotonic-poll-{inside}",
                    f"{at(place, offset)} after {offsets[cursor.rank]}", cursor.poll, poll)
            else:
                cursor.gaps.append((cursor.rank + 1, rank, inside, cursor.poll, poll))
                cursor.rank = rank
            cursor.poll = poll

    def close(self, process, place, cursor):
        for first, end, inside, before, after in cursor.gaps if cursor else []:
            isolation = process.isolation
            offsets = self.offsets[isolation, place][first:end]
            value, poll = self.seen[isolation].places[place][offsets[0]]
            self.verdict.report(
                f"skipped-poll-{inside}",
                f"{process.name} passed over {len(offsets)} from {value!r} at "
                f"{at(place, offsets[0])}", before, after, poll)

    def order_of_sends(self):
        last = {}
        for send in self.sends:
            if send.status != "ok" or send.offset is None or send in self.disowned:
                continue
            key = send.process, send.place
            before = last.get(key)
            if before is not None and send.process.ordered and send.offset <= before.offset:
                self.verdict.report(
                    "nonmonotonic-send",
                    f"{send.value!r} at {at(send.place, send.offset)} after {before.value!r} at "
                    f"{before.offset}", before, send)
            else:
                last[key] = send

    def outcomes(self):
        """What must be there is, and transactions are there as wholes."""
        for isolation, there in self.there.items():
            found = there.offsets_of_values()
            for send in self.sends:
                if send.transaction is None and send.status == "ok" and send.value not in found:
                    self.miss(send, there, send.offset, None)
            for transaction in self.transactions:
                self.judge(transaction, isolation, there, found)
            for place, records in self.seen[isolation].places.items():
                for offset, (value, poll) in records.items():
                    if value not in found:
                        self.miss(self.writers[value], there, offset, poll)

    def miss(self, send, there, offset, poll):
        if send in self.lost:
            return
        self.lost.add(send)
        passed = offset is not None and send not in self.disowned and offset < there.end(send.place)
        self.verdict.report(
            "lost-write" if passed or send in self.disowned else "unseen",
            f"{send.value!r} of {at(send.place, offset)}; read up to {there.end(send.place)}",
            send, poll)

    def judge(self, transaction, isolation, there, found):
        sends = transaction.sends
        missing = [send for send in sends if send.value not in found]
        if not missing or transaction in self.lost or transaction.status == "fail":
            return
        # Read without isolation, an indeterminate transaction may be there in part: aborted.
        partly = len(missing) < len(sends)
        if transaction.status == "info" and (not partly or isolation == READ_UNCOMMITTED):
            return
        self.lost.add(transaction)
        self.lost.update(missing)
        # Consumers that stopped somewhere may not have come so far; final readers have.
        ahead = not self.finals and all(
            send.offset is not None and send.offset > there.end(send.place) for send in missing)
        name = "torn-transaction" if partly else "lost-transaction"
        if transaction.status == "ok" and ahead:
            name = "unseen"
        self.verdict.report(
            name, f"{len(missing)} of {len(sends)} missing", transaction, *missing[:3])

    def holes(self):
        there = self.there.get(READ_UNCOMMITTED)
        lost = {(send.place, send.offset) for send in self.lost if isinstance(send, Send)}
        for place, records in there.places.items() if there else []:
            if place[0] not in self.history.dense:
                continue
            for offset in range(there.end(place) + 1):
                if offset not in records and (place, offset) not in lost:
                    self.verdict.report("hole", f"nothing at {at(place, offset)}")

    def groups(self):
        seen = defaultdict(set)
        for poll in self.polls:
            if poll.process.group is not None:
                for place, offset, _ in poll.records:
                    seen[poll.process.group, poll.process.isolation, place].add(offset)
        for (group, isolation, place), offsets in seen.items():
            highest = max(offsets)
            for offset, (value, poll) in self.seen[isolation].places[place].items():
                if offset < highest and offset not in offsets:
                    self.verdict.report(
                        "skipped-by-group",
                        f"{group} never got {value!r} at {at(place, offset)}, but {highest}", poll)

    def moves(self):
        there = self.there.get(READ_COMMITTED)
        if there is None or not self.history.moved:
            return
        found = there.offsets_of_values()
        made = defaultdict(list)
        for send in self.sends:
            if send.source is not None and send.value in found:
                made[send.source].append(send)
        for source, sends in made.items():
            if len(sends) > 1:
                self.verdict.report("moved-twice", f"{source!r}", *sends)
        for value, places in found.items():
            if places[0][0][0] in self.history.moved and value not in made:
                self.verdict.report("not-moved", f"{value!r} of {at(*places[0])}")

    def cycles(self):
        """Committed transactions, each of which read what another of them wrote."""
        readers = defaultdict(set)
        for poll in self.polls:
            reader = poll.transaction
            if reader is None or reader.status != "ok":
                continue
            for _, _, value in poll.records:
                send = self.writers.get(value)
                writer = send.transaction if send else None
                if writer is not None and writer is not reader and writer.status == "ok":
                    readers[writer].add(reader)
        for part in strongly_connected(readers):
            self.verdict.report(
                "write-read-cycle", f"{len(part)} transactions read each other", *part)

    def ends(self):
        last = {}
        for operation in self.history:
            if isinstance(operation, Ends):
                last.update({place: (mark, operation) for place, mark in operation.marks.items()})
        for place, ((stable, end), operation) in last.items():
            if stable < end:
                self.verdict.report(
                    "hanging-transaction",
                    f"{place[0]}/{place[1]} is stable up to {stable} of {end}", operation)
