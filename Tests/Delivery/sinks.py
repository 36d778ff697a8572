"""What the sinks on disk hold, read with other programs' code than ours."""
import base64
import json
import sqlite3
from collections import Counter
from pathlib import Path

import lz4.frame


class SQLite:
    def __init__(self, directory):
        self.path = Path(directory) / "search.sqlite"
        self.worker = {"name": "search", "sink": {"type": "sqlite", "path": str(self.path)}}

    def count(self):
        if not self.path.exists():
            return 0
        try:
            with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5) as database:
                return database.execute("SELECT count(*) FROM events").fetchone()[0]
        except sqlite3.OperationalError:
            return 0

    def contents(self):
        """{identity: value}; every event is found once, and the words' table is as long."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5) as database:
            assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            rows = database.execute(
                "SELECT topic || '-' || partition || '-' || offset, value FROM events").fetchall()
            words = database.execute("SELECT count(*) FROM events_text").fetchone()[0]
        found = {name: as_bytes(value) for name, value in rows}
        assert len(found) == len(rows) == words
        return found


class Archive:
    def __init__(self, directory):
        self.path = Path(directory) / "archive"
        self.worker = {"name": "archive", "sink": {"type": "archive", "directory": str(self.path)}}

    def files(self):
        return sorted(self.path.rglob("*.ndjson.lz4"))

    def lines(self):
        for path in self.files():
            try:
                text = lz4.frame.decompress(path.read_bytes())
            except FileNotFoundError:
                # A redelivery replaced it by a larger one between the listing and now.
                continue
            for line in text.splitlines():
                yield path, json.loads(line), line

    def count(self):
        return sum(1 for _ in self.lines())

    def contents(self):
        """{identity: value}; every event stands in one file only, and nothing lies beside."""
        found, places = {}, Counter()
        for path, event, line in self.lines():
            identity = f"{event['topic']}-{event['partition']}-{event['offset']}"
            found[identity] = archived_value(event, line)
            places[identity] += 1
        twice = [identity for identity, count in places.items() if count > 1]
        assert not twice, f"{len(twice)} events stand in the archive twice, as {twice[:3]}"
        left = [str(path) for path in self.path.rglob("*.tmp")]
        assert not left, f"left behind: {left}"
        return found


def archived_value(event, line):
    if "valueBase64" in event:
        return base64.b64decode(event["valueBase64"])
    if "valueText" in event:
        return event["valueText"].encode()
    if "value" not in event:
        return None
    # A JSON value stands at the line's end byte for byte.
    return line[line.index(b',"value":') + len(b',"value":'):-1]


def as_bytes(value):
    return value.encode() if isinstance(value, str) else value
