"""What clients did to a broker and what they were told, operation by operation, in the manner of
Jepsen's Kafka workload: the material of history_checker.

An operation is begun (its process adds it) and ends as "ok", "fail" (it certainly did not happen)
or "info" (nobody knows; so does what never ends). Every value is sent once at most: a record's
value names the send that wrote it. A place is a topic and a partition. Times are seconds of the
monotonic clock.
"""
import time
from dataclasses import dataclass, field

READ_COMMITTED, READ_UNCOMMITTED = "read_committed", "read_uncommitted"


@dataclass(eq=False, slots=True)
class Process:
    """A producer, a consumer or both, and what its client promises.

    `once`: no value twice (idempotent, transactional, or without retries). `ordered`: offsets in
    the order of the sends. `group`: its members start where the group has committed, which is at
    the start of a partition at first. `final`: reads everything from start to end when all is over.
    """

    name: str
    once: bool = True
    ordered: bool = True
    isolation: str = READ_UNCOMMITTED
    group: str | None = None
    final: bool = False


@dataclass(eq=False, slots=True)
class Operation:
    process: Process
    begun: float = field(default_factory=time.monotonic, kw_only=True)
    ended: float | None = field(default=None, kw_only=True)
    status: str = field(default="info", kw_only=True)

    def end(self, status):
        self.status, self.ended = status, time.monotonic()

    def __str__(self):
        ended = "-" if self.ended is None else f"{self.ended:.3f}"
        kind = type(self).__name__.lower()
        return f"{self.begun:.3f}..{ended} {self.process.name} {kind} {self.status} {self.detail()}"


@dataclass(eq=False, slots=True)
class Transaction(Operation):
    """ok: committed; fail: aborted, or nobody ever asked for its commit."""

    sends: list = field(default_factory=list)
    # When the commit was asked for; None: never.
    commit: float | None = None
    # What its client said of it where it did not commit.
    error: str = ""

    def asks_commit(self):
        self.commit = time.monotonic()

    def detail(self):
        return f"of {' '.join(send.value for send in self.sends)} {self.error}"


@dataclass(eq=False, slots=True)
class Send(Operation):
    place: tuple
    value: str
    transaction: Transaction | None = None
    # The value that this one was made of, where records are moved.
    source: str | None = None
    # What the broker answered; None: it or the client did not say.
    offset: int | None = None

    def acknowledge(self, offset):
        self.offset = offset
        self.end("ok")

    def detail(self):
        made = f" of {self.source}" if self.source else ""
        return f"{self.value}{made} to {self.place[0]}/{self.place[1]} at {self.offset}"


@dataclass(eq=False, slots=True)
class Poll(Operation):
    """`records`: place, offset and value of each, in the order of their delivery."""

    transaction: Transaction | None = None
    records: list = field(default_factory=list)

    def detail(self):
        return " ".join(f"{topic}/{number}@{offset}={value}"
                        for (topic, number), offset, value in self.records)


@dataclass(eq=False, slots=True)
class Assign(Operation):
    """The process reads these places from here on; None: from where its group has committed."""

    positions: dict

    def detail(self):
        return str(self.positions)


@dataclass(eq=False, slots=True)
class Revoke(Operation):
    places: list

    def detail(self):
        return str(self.places)


@dataclass(eq=False, slots=True)
class Ends(Operation):
    """The last stable offset and the high watermark of each place."""

    marks: dict

    def detail(self):
        return str(self.marks)


class History:
    """All operations in the order in which they were begun. Any thread may add."""

    def __init__(self):
        self.operations = []
        # Topics where every offset holds a record: nobody writes to them in transactions.
        self.dense = set()
        # Topics whose every record is moved elsewhere, once.
        self.moved = set()

    def __iter__(self):
        return iter(self.operations)

    def __len__(self):
        return len(self.operations)

    def add(self, operation):
        self.operations.append(operation)
        return operation

    def send(self, process, place, value, transaction=None, source=None):
        send = self.add(Send(process, place, value, transaction, source))
        if transaction is not None:
            transaction.sends.append(send)
        return send

    def counts(self):
        """How many operations there are, of each kind that a summary names."""
        sends = [o for o in self.operations if isinstance(o, Send)]
        transactions = [o for o in self.operations if isinstance(o, Transaction)]
        return {
            "operations": len(self.operations),
            "acknowledged": sum(send.status == "ok" for send in sends),
            "committed": sum(one.status == "ok" for one in transactions),
            "aborted": sum(one.status == "fail" for one in transactions),
            "indeterminate": sum(one.status == "info" for one in transactions)
            + sum(send.status == "info" and send.transaction is None for send in sends),
            "read": sum(len(o.records) for o in self.operations if isinstance(o, Poll)),
        }

    def write(self, path):
        """Writes one line for each operation, for whoever must find out what happened."""
        with open(path, "w") as file:
            for operation in self.operations:
                print(operation, file=file)
