internal import VarveLog
internal import VarvePlatform
internal import VarveRecords

/// What one partition must hold and what it may hold, kept apart from the log itself.
package struct PartitionLedger: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        let batch: ProofBatch
        let nextOffset: Int64
    }

    /// By base offset: the batches whose append returned.
    var batches: [Int64: Entry] = [:]
    /// Batches whose append has not returned, or failed: they may be there or not.
    var uncertain: [ProofBatch] = []
    /// Everything below was acknowledged, or shown to a reader: it must stay.
    package var durableEnd: Int64 = 0
    /// What trims and retention returned: nothing below may come back.
    var startOffset: Int64 = 0
    /// The furthest a trim or retention may have got, whether or not it returned.
    var startMax: Int64 = 0

    /// Compaction may take what has a later record with the same key.
    let isCompacted: Bool

    package init(isCompacted: Bool = false) { self.isCompacted = isCompacted }

    /// How many batches it knows to be in the log.
    package var batchCount: Int { batches.count }

    mutating func appended(_ batch: ProofBatch, at base: Int64, nextOffset: Int64) {
        // What stood there before was lost before anybody saw it.
        for offset in batches.keys where offset >= base { batches[offset] = nil }
        uncertain.removeAll { $0.number == batch.number }
        batches[base] = Entry(batch: batch, nextOffset: nextOffset)
    }

    /// Nobody may rely on what was not acknowledged before a recovery.
    mutating func recovered() {
        for (base, entry) in batches where base >= durableEnd {
            uncertain.append(entry.batch)
            batches[base] = nil
        }
    }

    /// Holds the log against the ledger and returns what is broken, as sentences: what was
    /// acknowledged is there, byte-identical, at its offset, and what is there was sent (I1, I3,
    /// I4). Takes what is readable as shown from now on.
    mutating func check(_ log: PartitionLog) -> [String] {
        guard log.isOnline else {
            return ["offline: \(log.failure.map { "\($0)" } ?? "no reason")"]
        }
        var broken: [String] = []
        let start = log.startOffset
        let end = log.durableEnd
        if start < startOffset { broken.append("start \(start) went back before \(startOffset)") }
        // A first segment whose name was lost before anything in it was acknowledged leaves the
        // log beginning with the second.
        if start > max(startMax, startOffset) && durableEnd > start {
            broken.append("start \(start) was never asked for")
        }
        if end < durableEnd { broken.append("end \(end) after \(durableEnd) was acknowledged") }
        var found: Set<Int64> = []
        var records: [Record] = []
        var next = start
        while next < end {
            let result: ReadResult
            do throws(LogError) {
                result = try log.read(from: next, bytesMax: 4000)
            } catch {
                broken.append("offset \(next) cannot be read: \(error)")
                break
            }
            if result.batches.isEmpty { break }
            for (header, bytes) in RecordBatch.batches(in: result.batches) {
                let base = header.baseOffset
                if header.nextOffset <= next { broken.append("offset \(base) after \(next)") }
                next = header.nextOffset
                if isCompacted {
                    found.insert(base)
                    do throws(RecordError) {
                        let kept = try RecordBatch.records(in: bytes)
                        settle(kept, at: base, nextOffset: header.nextOffset)
                        records += kept
                    } catch {
                        broken.append("offset \(base): \(error)")
                    }
                    continue
                }
                if let entry = batches[base], entry.batch.bytes(at: base) == bytes {
                    found.insert(base)
                } else if let batch = uncertain.first(where: { $0.bytes(at: base) == bytes }) {
                    if let entry = batches[base], base < durableEnd {
                        broken.append("offset \(base) has a batch that came after \(entry)")
                    }
                    batches[base] = Entry(batch: batch, nextOffset: header.nextOffset)
                    found.insert(base)
                } else if batches[base] != nil {
                    broken.append("offset \(base) changed")
                } else {
                    broken.append("offset \(base) was never sent")
                }
            }
        }
        if isCompacted {
            broken += checkCompacted(records, from: start)
            found.formUnion(batches.keys.filter { $0 < durableEnd })
        }
        for (base, entry) in batches
        where entry.nextOffset > start && base < durableEnd && !found.contains(base) {
            broken.append("acknowledged offset \(base) is gone")
        }
        // What did not survive may be replaced; what did was shown now.
        batches = batches.filter { found.contains($0.key) }
        uncertain = []
        durableEnd = max(durableEnd, end)
        startOffset = max(startOffset, start)
        startMax = max(startMax, start)
        return broken
    }

    /// Holds a compacted log's records against the ledger: each was sent, at this offset, with
    /// this content, and an acknowledged one may be missing only where a later one with its key is
    /// there.
    private func checkCompacted(_ records: [Record], from start: Int64) -> [String] {
        var broken: [String] = []
        let byOffset = Dictionary(records.map { ($0.offset, $0) }) { first, _ in first }
        if byOffset.count != records.count { broken.append("an offset is there twice") }
        var sent: [Int64: Record] = [:]
        var mustBe: [Record] = []
        for (base, entry) in batches {
            for record in Self.records(of: entry.batch, at: base) {
                sent[record.offset] = record
                if base < durableEnd, record.offset >= start { mustBe.append(record) }
            }
        }
        for record in records where sent[record.offset] != record {
            broken.append("offset \(record.offset) was never sent so")
        }
        var newest: [ByteSlice: Int64] = [:]
        for record in records {
            newest[record.key ?? "", default: -1] = max(
                newest[record.key ?? ""] ?? -1, record.offset)
        }
        for record in mustBe where byOffset[record.offset] == nil {
            if newest[record.key ?? ""] ?? -1 < record.offset {
                broken.append(
                    "offset \(record.offset) is gone, the last of key \(record.key ?? "")")
            }
        }
        return broken
    }

    /// Learns which batch stands at `base`, where its append had not returned. An empty shell does
    /// not tell whose it is, and nothing is to be held against it.
    private mutating func settle(_ kept: [Record], at base: Int64, nextOffset: Int64) {
        guard !kept.isEmpty else { return }
        if let entry = batches[base] {
            let known = Self.records(of: entry.batch, at: base)
            if base < durableEnd || kept.allSatisfy(known.contains) { return }
        }
        let batch = uncertain.first { batch in
            let sent = Self.records(of: batch, at: base)
            return base + Int64(sent.count) == nextOffset && kept.allSatisfy(sent.contains)
        }
        if let batch { batches[base] = Entry(batch: batch, nextOffset: nextOffset) }
    }

    private static func records(of batch: ProofBatch, at base: Int64) -> [Record] {
        do {
            return try RecordBatch.records(in: batch.bytes(at: base))
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
