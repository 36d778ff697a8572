"""A proxy between clients and a broker that tells them one lie at a time: what a broker with a bug
would do. It tells the history checker's tests whether the checker notices."""
import socket
import struct
import threading

PRODUCE, FETCH, END_TRANSACTION = 0, 1, 26


class Request:
    """A request's bytes behind its length, and what its header says."""

    def __init__(self, body):
        self.body = bytearray(body)
        self.key, self.version, self.correlation = struct.unpack_from(">hhi", body)

    def place_of_isolation(self):
        """In a fetch: behind client id, (from version 12 on) tags, (up to 14) replica, and three
        numbers. Source: Kafka's FetchRequest.json."""
        client = max(0, struct.unpack_from(">h", self.body, 8)[0])
        return 10 + client + (self.version >= 12) + (4 if self.version < 15 else 0) + 12


def place_of_partition(version, body, topic):
    """Where a produce request or its answer has the index of its first partition: behind the
    topic's name and the number of partitions, compact from version 9 on."""
    return body.find(topic) + len(topic) + (1 if version >= 9 else 4)


class LyingProxy:
    """Listens on `port`, speaks to the broker's; `lie(name)` makes the next request that fits one
    that is lied about. One client at a time waits for its answers where something is swallowed."""

    def __init__(self, port, broker_port, topic):
        self.broker_port, self.topic = broker_port, topic.encode()
        self.armed, self.told, self.last_answer = None, [], None
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def lie(self, name):
        self.armed = name

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            broker = socket.create_connection(("127.0.0.1", self.broker_port))
            Conversation(self, client, broker)

    def tells(self, *names):
        """The armed lie, if it is one of these; it is told once."""
        name, self.armed = self.armed, None if self.armed in names else self.armed
        if name not in names:
            return None
        self.told.append(name)
        return name


class Conversation:
    """One client's connection and the one to the broker."""

    def __init__(self, proxy, client, broker):
        self.proxy, self.client, self.broker = proxy, client, broker
        # By correlation id, produce requests that wait for an answer, and the lie about each.
        self.waiting = {}
        for source, target, handle in (
                (client, broker, self.request), (broker, client, self.answer)):
            threading.Thread(
                target=self.pump, args=(source, target, handle), daemon=True).start()

    def pump(self, source, target, handle):
        try:
            file = source.makefile("rb")
            while len(length := file.read(4)) == 4:
                body = file.read(struct.unpack(">i", length)[0])
                for one in handle(body):
                    self.give(target, one)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def give(self, target, body):
        target.sendall(struct.pack(">i", len(body)) + bytes(body))

    def request(self, body):
        """What goes to the broker in place of this request."""
        request = Request(body)
        if request.key == PRODUCE and self.proxy.topic in body:
            return self.produce(request)
        if request.key == FETCH and self.proxy.armed == "leak":
            # Until the end: the consumer asks for committed records, and gets all.
            request.body[request.place_of_isolation()] = 0
            self.proxy.told.append("leak")
        if request.key == END_TRANSACTION:
            lie = self.proxy.tells("abort", "hang")
            if lie == "abort":
                request.body[-2 if request.version >= 3 else -1] = 0
            if lie == "hang":
                tag = b"\0" if request.version >= 3 else b""
                done = struct.pack(">i", request.correlation) + tag + bytes(6) + tag
                self.give(self.client, done)
                return []
        return [request.body]

    def produce(self, request):
        lie = self.proxy.tells("swallow", "duplicate", "zero")
        self.waiting[request.correlation] = request.version, lie
        if lie == "swallow":
            version, answer = self.proxy.last_answer
            at = place_of_partition(version, answer, self.proxy.topic)
            last, = struct.unpack_from(">q", answer, at + 6)
            wanted = place_of_partition(request.version, request.body, self.proxy.topic)
            struct.pack_into(">i", answer, 0, request.correlation)
            answer[at:at + 4] = request.body[wanted:wanted + 4]
            struct.pack_into(">q", answer, at + 6, last + 1)
            self.give(self.client, answer)
            return []
        if lie == "duplicate":
            twin = bytearray(request.body)
            struct.pack_into(">i", twin, 4, -1)
            self.waiting[-1] = request.version, "drop"
            return [request.body, twin]
        return [request.body]

    def answer(self, body):
        """What the client gets in place of this answer."""
        body = bytearray(body)
        version, lie = self.waiting.pop(struct.unpack_from(">i", body)[0], (None, None))
        if version is None:
            return [body]
        self.proxy.last_answer = version, bytearray(body)
        if lie == "zero":
            at = place_of_partition(version, body, self.proxy.topic)
            struct.pack_into(">q", body, at + 6, 0)
        return [] if lie == "drop" else [body]
