"""What is written and must come out again: events, and how to make varied ones."""
import random
import time
from dataclasses import dataclass, field


@dataclass
class Event:
    """One record; `timestamp` in milliseconds since 1970, None where the client chooses it."""

    value: bytes | None
    key: bytes | None = None
    headers: list = field(default_factory=list)
    timestamp: int | None = None
    partition: int = 0
    offset: int | None = None

    def content(self):
        return (self.key, self.value, [(name, value) for name, value in self.headers])


def varied(count, seed, timestamps=True, printable=False, headers=True):
    """`count` events of all shapes: without key, without value, empty, large, binary."""
    chance = random.Random(seed)
    now = int(time.time() * 1000)
    events = []
    for number in range(count):
        size = chance.choice([0, 1, 10, 100, 100, 1000, 5000])
        if number == count // 2:
            size = 200_000
        value = bytes(chance.choices(range(32, 127) if printable else range(256), k=size))
        key = chance.choice([b"key-%d" % number, b"k", None])
        if not printable and key is not None and chance.random() < 0.1:
            value = None  # a tombstone; some clients refuse one without a key
        if printable:
            # kcat splits its input into keys and values by a delimiter, so every line has one.
            key, value = b"key-%d" % number, value.replace(b"|", b"/") or b"."
        given = []
        if headers and chance.random() < 0.5:
            given = [("trace", b"%d" % number), ("empty", b""), ("trace", b"again")]
        events.append(Event(
            value=value, key=key, headers=given,
            timestamp=now - chance.randrange(10_000_000) if timestamps else None))
    return events
