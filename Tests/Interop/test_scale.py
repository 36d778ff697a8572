"""Many topics, connections and groups at once: what they cost, and that all of them are served.

VARVE_SCALE is the number of topics and of connections (1000; a tenth of it is the number of groups).
`Tools/scale` runs ten thousand. Memory is bounded; times are printed, and only printed.
"""
import asyncio
import os
import resource
import struct
import time

SCALE = int(os.environ.get("VARVE_SCALE", "1000"))
GROUPS = SCALE // 10
# At most so many are under way at a time while topics are made and connections opened.
BATCH = 200

ANSWER_BYTES_MAX = 1 << 26
CREATE_TOPICS, METADATA, OFFSET_COMMIT, JOIN_GROUP, SYNC_GROUP, API_VERSIONS = 19, 3, 8, 11, 14, 18
NOT_LOADED_YET = {14, 15, 16}


def text(value):
    encoded = value.encode()
    return struct.pack(">h", len(encoded)) + encoded


def name(number):
    return f"topic-{number:05d}"


class Connection:
    """Requests one at a time, in the plainest of versions."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", port, limit=ANSWER_BYTES_MAX)
        return self

    async def call(self, api, version, body):
        """The answer behind its correlation id."""
        request = struct.pack(">hhi", api, version, 1) + text("scale") + body
        self.writer.write(struct.pack(">i", len(request)) + request)
        await self.writer.drain()
        (size,) = struct.unpack(">i", await self.reader.readexactly(4))
        return (await self.reader.readexactly(size))[4:]

    async def metadata(self, topic=None):
        body = struct.pack(">i", -1) if topic is None else struct.pack(">i", 1) + text(topic)
        return await self.call(METADATA, 1, body)

    async def create(self, numbers):
        body = struct.pack(">i", len(numbers))
        for number in numbers:
            body += text(name(number)) + struct.pack(">ihii", 1, 1, 0, 0)
        answer = await self.call(CREATE_TOPICS, 0, body + struct.pack(">i", 120_000))
        errors = [answer[4 + (index + 1) * (4 + len(name(0))) - 2:][:2]
                  for index in range(len(numbers))]
        assert errors == [b"\0\0"] * len(numbers)

    async def join(self, group):
        """Joins a group of its own; returns generation and member id."""
        while True:
            answer = await self.call(
                JOIN_GROUP, 1,
                text(group) + struct.pack(">ii", 30_000, 30_000) + text("") + text("consumer")
                + struct.pack(">i", 1) + text("range") + struct.pack(">i", 0))
            error, generation = struct.unpack(">hi", answer[:6])
            if error not in NOT_LOADED_YET:
                break
            await asyncio.sleep(0.1)
        assert error == 0
        words, at = [], 6
        for _ in range(3):  # protocol, leader, member
            (length,) = struct.unpack(">h", answer[at:at + 2])
            words.append(answer[at + 2:at + 2 + length].decode())
            at += 2 + length
        answer = await self.call(
            SYNC_GROUP, 0,
            text(group) + struct.pack(">i", generation) + text(words[2]) + struct.pack(">i", 1)
            + text(words[2]) + struct.pack(">i", 0))
        assert answer[:2] == b"\0\0"
        return generation, words[2]

    async def commit(self, group, generation, member, topic, offset):
        answer = await self.call(
            OFFSET_COMMIT, 2,
            text(group) + struct.pack(">i", generation) + text(member) + struct.pack(">q", -1)
            + struct.pack(">i", 1) + text(topic) + struct.pack(">iiq", 1, 0, offset) + text(""))
        assert answer[-2:] == b"\0\0"


async def timed(call):
    begun = time.perf_counter()
    await call
    return time.perf_counter() - begun


def share(times):
    """Median and 99th percentile, in words."""
    times = sorted(times)
    return (f"p50 {times[len(times) // 2] * 1000:.2f} ms, "
            f"p99 {times[len(times) * 99 // 100] * 1000:.2f} ms")


async def measure(broker, say):
    first = await Connection().open(broker.port)
    await first.call(API_VERSIONS, 0, b"")
    idle = broker.resident_bytes()
    say(f"idle: {idle / 2**20:.1f} MiB")

    begun = time.perf_counter()
    for base in range(0, SCALE, BATCH):
        await first.create(range(base, min(base + BATCH, SCALE)))
    topics = broker.resident_bytes()
    say(f"{SCALE} topics in {time.perf_counter() - begun:.1f} s: {topics / 2**20:.1f} MiB")
    every = await first.metadata()
    assert all(name(number).encode() in every for number in range(0, SCALE, 97))
    say(f"metadata of all, {len(every)} bytes: "
        + share([await timed(first.metadata()) for _ in range(20)]))
    say("metadata of one: "
        + share([await timed(first.metadata(name(SCALE // 2))) for _ in range(300)]))

    begun = time.perf_counter()
    connections = []
    for base in range(0, SCALE, BATCH):
        connections += await asyncio.gather(
            *[Connection().open(broker.port) for _ in range(min(BATCH, SCALE - base))])
    # All of them live: each asks for its topic.
    for base in range(0, SCALE, BATCH):
        part = list(enumerate(connections))[base:base + BATCH]
        answers = await asyncio.gather(*[each.metadata(name(at)) for at, each in part])
        assert all(name(at).encode() in answer for (at, _), answer in zip(part, answers))
    connected = broker.resident_bytes()
    say(f"{SCALE} connections in {time.perf_counter() - begun:.1f} s: {connected / 2**20:.1f} MiB")
    say("metadata of one beside them: "
        + share([await timed(first.metadata(name(SCALE // 2))) for _ in range(300)]))

    begun = time.perf_counter()
    members = await asyncio.gather(*[connections[at].join(f"group-{at}") for at in range(GROUPS)])
    say(f"{GROUPS} groups joined in {time.perf_counter() - begun:.1f} s: "
        f"{broker.resident_bytes() / 2**20:.1f} MiB")
    times = []
    for offset in range(5):
        times += await asyncio.gather(*[
            timed(connections[at].commit(f"group-{at}", *members[at], name(at), offset))
            for at in range(GROUPS)])
    say(f"{GROUPS} commits at once, five times: {share(times)}")
    for each in [first, *connections]:
        each.writer.close()
    # Measured: 3.4 KiB a topic with one partition, below 1 KiB a connection, 3 KiB a group.
    assert topics - idle < (8 << 20) + SCALE * 8192
    assert broker.resident_bytes() - topics < (8 << 20) + SCALE * 8192


def test_topics_connections_and_groups_cost_little(make_broker, capsys):
    needed = 2 * SCALE + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, needed)), hard))
    broker = make_broker({"max.connections": str(SCALE + 100)})

    def say(line):
        with capsys.disabled():
            if SCALE > 1000:
                print(line)

    asyncio.run(measure(broker, say))
    # Every one of them is there after a restart.
    broker.stop()
    broker.start()

    async def count():
        connection = await Connection().open(broker.port)
        return await connection.metadata()

    every = asyncio.run(count())
    assert all(name(number).encode() in every for number in range(SCALE))
