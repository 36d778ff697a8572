"""As much of ZooKeeper as Burrow insists on: it makes a node of its own at its start, and keeps
the session and a lock. Nothing of Kafka's passes through it.
"""
import socketserver
import struct
import threading

CREATE, EXISTS, PING, CHILDREN, CLOSE = 1, 3, 11, 12, -11
SEQUENTIAL = 2
STAT_BYTES = 68
NO_NODE, UNIMPLEMENTED = -101, -6
SESSION_MILLISECONDS = 10_000


def text(request):
    """A request's first string."""
    size, = struct.unpack_from(">i", request, 8)
    return request[12:12 + size]


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        self.nodes = []
        try:
            self.receive()
            # Protocol version, session's length, its number and its password.
            self.send(struct.pack(">iiqi", 0, SESSION_MILLISECONDS, 1, 16) + bytes(16))
            while self.answer(self.receive()):
                pass
        except (ConnectionError, EOFError):
            pass

    def answer(self, request):
        number, operation = struct.unpack_from(">ii", request)
        error, body = 0, b""
        if operation == CREATE:
            # The path comes first and is what is answered; the flags come last.
            path = text(request)
            if struct.unpack(">i", request[-4:])[0] & SEQUENTIAL:
                self.nodes.append(path + b"%010d" % len(self.nodes))
                path = self.nodes[-1]
            body = struct.pack(">i", len(path)) + path
        elif operation == CHILDREN:
            names = [path.rpartition(b"/")[2] for path in self.nodes
                     if path.startswith(text(request) + b"/")]
            body = struct.pack(">i", len(names)) + b"".join(
                struct.pack(">i", len(name)) + name for name in names) + bytes(STAT_BYTES)
        elif operation == EXISTS:
            error = NO_NODE
        elif operation not in (PING, CLOSE):
            error = UNIMPLEMENTED
        self.send(struct.pack(">iqi", number, 1, error) + body)
        return operation != CLOSE

    def receive(self):
        return self.exactly(struct.unpack(">i", self.exactly(4))[0])

    def exactly(self, size):
        content = b""
        while len(content) < size:
            part = self.request.recv(size - len(content))
            if not part:
                raise EOFError
            content += part
        return content

    def send(self, content):
        self.request.sendall(struct.pack(">i", len(content)) + content)


class ZooKeeper(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Session)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()
