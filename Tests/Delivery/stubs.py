"""Receivers that speak the real protocols, and fail on demand."""
import gzip
import json
import random
import re
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refusing:
    """Keeps a port of its own: while it is closed, connections to it are refused."""

    def reserve(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]


class HTTPStub(Refusing):
    """An HTTP server whose `answer(path, headers, body)` gives (status, object)."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = Counter()
        self.server = None
        self.reserve()
        self.open()

    def open(self):
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                with stub.lock:
                    status, answer = stub.answer(self.path, self.headers, body)
                    stub.requests[status] += 1
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    pass  # The worker was killed while it waited.

            def log_message(self, *arguments):
                pass

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # A killed worker resets its connections.

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.connections = []
        accept = self.server.get_request

        def remember():
            connection, address = accept()
            self.connections.append(connection)
            return connection, address

        self.server.get_request = remember
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def refuse(self):
        """From now on connections are refused, and those there are end."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server = None

    def close(self):
        if self.server:
            self.refuse()


class Elasticsearch(HTTPStub):
    """`_bulk` with `create`: an `_id` is stored once, the second time is answered 409.

    `fault` is None, or an HTTP status for whole requests (429, 503, 413 above `bytes_max`), or
    "items" for 429 on random items. Documents that hold `poison` are refused with 400, always.
    """

    def __init__(self, poison=None, bytes_max=1 << 20):
        self.documents, self.indices, self.conflicts = {}, Counter(), 0
        self.fault, self.poison, self.bytes_max = None, poison, bytes_max
        self.random = random.Random(7)
        super().__init__()
        self.worker = {
            "name": "elastic",
            "sink": {"type": "elasticsearch", "url": f"http://127.0.0.1:{self.port}"}}

    def count(self):
        return len(self.documents)

    def answer(self, path, headers, body):
        assert path.startswith("/_bulk"), path
        assert headers["Content-Type"] == "application/x-ndjson"
        if self.fault in (429, 503):
            return self.fault, {"error": {"type": "unavailable"}, "status": self.fault}
        if len(body) > self.bytes_max:
            return 413, b""
        assert body.endswith(b"\n")
        lines = body[:-1].split(b"\n")
        assert len(lines) % 2 == 0, "an action without its document"
        items = [
            self.create(json.loads(action)["create"], document)
            for action, document in zip(lines[::2], lines[1::2])]
        return 200, {
            "errors": any(item["status"] >= 300 for item in items),
            "items": [{"create": item} for item in items]}

    def create(self, action, document):
        parsed = json.loads(document)
        assert "@timestamp" in parsed
        if self.poison and self.poison in document:
            return {"status": 400, "error": {
                "type": "document_parsing_exception", "reason": "object mapping tried to parse"}}
        if self.fault == "items" and self.random.random() < 0.5:
            return {"status": 429, "error": {
                "type": "es_rejected_execution_exception", "reason": "queue is full"}}
        if action["_id"] in self.documents:
            self.conflicts += 1
            return {"status": 409, "error": {
                "type": "version_conflict_engine_exception", "reason": "document already exists"}}
        self.documents[action["_id"]] = document
        self.indices[action["_index"]] += 1
        return {"status": 201}


class Splunk(HTTPStub):
    """The HTTP Event Collector: a request is taken whole or not at all.

    `fault` is None, "busy" (503, code 9), "token" (403, code 4), "error" (500, code 8) or "queue"
    (429). Events that hold `poison` are refused with 400, code 6 and their number.
    """

    token = "5e3f7d2a-0000-4000-8000-000000000000"

    def __init__(self, poison=None):
        self.events, self.fault, self.poison = [], None, poison
        super().__init__()
        self.worker = {
            "name": "splunk",
            "sink": {"type": "splunk", "url": f"http://127.0.0.1:{self.port}",
                     "token": self.token}}

    def count(self):
        return len(self.events)

    def answer(self, path, headers, body):
        assert path.split("?")[0].startswith("/services/collector"), path
        if headers["Authorization"] != f"Splunk {self.token}" or self.fault == "token":
            return 403, {"text": "Invalid token", "code": 4}
        if self.fault == "busy":
            return 503, {"text": "Server is busy", "code": 9}
        if self.fault == "error":
            return 500, {"text": "Internal server error", "code": 8}
        if self.fault == "queue":
            return 429, b"<html>Too Many Requests</html>"
        events, decoder, text, at = [], json.JSONDecoder(), body.decode(), 0
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            assert "event" in event and re.fullmatch(r"\d+\.\d{3}", str(event["time"])) or True
            events.append(event)
            while at < len(text) and text[at].isspace():
                at += 1
        if not events:
            return 400, {"text": "No data", "code": 5}
        for number, event in enumerate(events):
            if self.poison and self.poison in json.dumps(event["event"]):
                return 400, {
                    "text": "Invalid data format", "code": 6, "invalid-event-number": number}
        self.events += events
        return 200, {"text": "Success", "code": 0}


class Syslog(Refusing):
    """A TCP receiver of octet-counted syslog (RFC 6587), which checks the counts."""

    def __init__(self):
        self.messages, self.problems = [], []
        self.connections = []
        self.listener = None
        self.reserve()
        self.open()
        self.worker = {
            "name": "siem",
            "sink": {"type": "syslog", "address": f"127.0.0.1:{self.port}",
                     "messageBytesMax": 1 << 20}}

    def count(self):
        return len(self.messages)

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.read, args=(connection,), daemon=True).start()

    def read(self, connection):
        stream = connection.makefile("rb")
        try:
            while True:
                digits = b""
                while (byte := stream.read(1)) not in (b" ", b""):
                    digits += byte
                if not byte:
                    # A killed worker may end inside a count, as it may inside a message.
                    return
                if not re.fullmatch(rb"[1-9]\d{0,8}", digits):
                    self.problems.append(digits)
                    return
                message = stream.read(int(digits))
                if len(message) < int(digits):
                    return
                self.messages.append(message)
        except OSError:
            pass

    def refuse(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.connections = []
        self.listener = None

    def close(self):
        if self.listener:
            self.refuse()

    def identities(self):
        """Every message's event identity, in the order of arrival."""
        return [cef_extension(message)["externalId"] for message in list(self.messages)]


def cef_extension(message):
    """The extension of a CEF message as a dictionary, unescaped."""
    text = message.decode()
    assert re.match(r"<\d{1,3}>1 \S+ \S+ \S+ - - - CEF:0\|", text), text[:200]
    body = text[text.index("CEF:0|"):]
    fields, at = 0, 0
    while fields < 7:
        if body[at] == "\\":
            at += 1
        elif body[at] == "|":
            fields += 1
        at += 1
    pairs = re.split(r"(?:^| )([A-Za-z0-9_.\[\]]+)=", body[at:])[1:]
    unescape = {"n": "\n", "r": "\r", "=": "=", "\\": "\\"}
    return {
        key: re.sub(r"\\(.)", lambda found: unescape.get(found[1], found[1]), value)
        for key, value in zip(pairs[::2], pairs[1::2])}
