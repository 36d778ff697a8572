"""Kafka's file formats, read by an independent hand: struct for the indexes, kafka-python's record
readers for the batches. Nothing here knows Varve.

Sources: Kafka protocol guide, "Record Batch"; OffsetIndex, TimeIndex, TransactionIndex in Kafka's
storage module.
"""
import struct
from pathlib import Path

from kafka.record.memory_records import MemoryRecords

HEADER = struct.Struct(">qiibIhiqqqhii")
assert HEADER.size == 61
FIELDS = (
    "baseOffset batchLength partitionLeaderEpoch magic crc attributes lastOffsetDelta "
    "baseTimestamp maxTimestamp producerId producerEpoch baseSequence count").split()


def batches(data):
    """(position, header fields, bytes) of each batch in a segment; no byte may be left over."""
    at = 0
    while at < len(data):
        fields = dict(zip(FIELDS, HEADER.unpack_from(data, at)))
        end = at + 12 + fields["batchLength"]
        assert end <= len(data), f"the batch at {at} ends behind the file"
        assert fields["magic"] == 2
        yield at, fields, data[at:end]
        at = end


def records(data):
    """Every record in a segment, by kafka-python, each batch's checksum verified."""
    found = []
    memory = MemoryRecords(data)
    while memory.has_next():
        batch = memory.next_batch()
        assert batch.validate_crc(), f"checksum of the batch at offset {batch.base_offset}"
        found += list(batch)
    assert memory.size_in_bytes() == len(data) == memory.valid_bytes()
    return found


def offset_index(data, base):
    """(offset, position) of each entry: int32 relative offset, int32 position."""
    assert len(data) % 8 == 0
    return [(base + offset, position) for offset, position in struct.iter_unpack(">ii", data)]


def time_index(data, base):
    """(timestamp, offset) of each entry: int64 timestamp, int32 relative offset."""
    assert len(data) % 12 == 0
    return [(timestamp, base + offset) for timestamp, offset in struct.iter_unpack(">qi", data)]


def transaction_index(data):
    """(producer id, first offset, last offset, last stable offset): AbortedTxn, version 0."""
    assert len(data) % 34 == 0
    entries = list(struct.iter_unpack(">hqqqq", data))
    assert all(entry[0] == 0 for entry in entries)
    return [entry[1:] for entry in entries]


class Segment:
    def __init__(self, path):
        self.path = Path(path)
        self.base = int(self.path.stem)
        self.data = self.path.read_bytes()

    def beside(self, suffix):
        path = self.path.with_suffix("." + suffix)
        return path.read_bytes() if path.exists() else b""

    def check(self):
        """The indexes against the batches, by Kafka's rules; returns the records."""
        ends, newest, times, expected = {}, -1, {}, self.base
        for position, fields, _ in batches(self.data):
            assert fields["baseOffset"] >= expected
            last = fields["baseOffset"] + fields["lastOffsetDelta"]
            expected = last + 1
            ends[last] = position
            if fields["maxTimestamp"] > newest:
                newest = fields["maxTimestamp"]
                times[last] = newest
        entries = offset_index(self.beside("index"), self.base)
        for offset, position in entries:
            assert ends.get(offset) == position, f"{self.path}: {offset} at {position}"
        assert entries == sorted(set(entries))
        stamps = time_index(self.beside("timeindex"), self.base)
        for timestamp, offset in stamps:
            assert times.get(offset) == timestamp, f"{self.path}: {timestamp} at {offset}"
        assert stamps == sorted(set(stamps))
        return records(self.data), entries, stamps


def segments(directory):
    return [Segment(path) for path in sorted(Path(directory).glob("*.log"))]
