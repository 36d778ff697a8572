internal import VarvePlatform
internal import VarveRecords

/// Indexes, snapshots, seals and marks.
extension LogDump {
    /// Reads a file of fixed entries piece by piece; `body` returns false to stop.
    private func eachEntry<Entry: IndexEntry>(
        of file: any DiskFile, _ type: Entry.Type,
        _ body: (Int, Entry) throws(SystemError) -> Bool
    ) throws(SystemError) {
        let pieceCount = 8192
        var index = 0
        while true {
            let bytes = try ByteSlice(filling: pieceCount * Entry.byteCount) {
                (buffer) throws(SystemError) in
                try file.read(into: buffer, at: Int64(index * Entry.byteCount))
            }
            for entry in Entry.all(in: bytes) {
                guard try body(index, entry) else { return }
                index += 1
            }
            if bytes.count < pieceCount * Entry.byteCount { return }
        }
    }

    private func logFile(beside path: String) throws(SystemError) -> (any DiskFile)? {
        let log = path.split(separator: ".", omittingEmptySubsequences: false).dropLast()
            .joined(separator: ".") + ".log"
        return try disk.entry(log) == nil ? nil : try disk.open(log, .read)
    }

    private func header(
        at position: Int64, of file: any DiskFile
    ) throws(SystemError) -> RecordBatchHeader? {
        let bytes = try ByteSlice(filling: RecordBatchHeader.byteCount) {
            (buffer) throws(SystemError) in try file.read(into: buffer, at: position)
        }
        return bytes.withUnsafeBytes { try? RecordBatchHeader(parsing: $0) }
    }

    /// Kafka's sanity check of an index file (OffsetIndex.sanityCheck, TimeIndex.sanityCheck): as
    /// long as whole entries, and the last one not before the base offset.
    private func checkSanity(
        _ path: String, size: Int64, entryBytes: Int
    ) {
        if size % Int64(entryBytes) == 0 {
            write(LogDumpLine("\(path) passed sanity check."))
        } else {
            complain("\(path) has \(size) bytes, which is no multiple of \(entryBytes)")
        }
    }

    mutating func dumpIndex(_ path: String, base: Int64) throws(SystemError) {
        let file = try disk.open(path, .read)
        let size = try file.size()
        if size < Int64(OffsetIndexEntry.byteCount) {
            if options.form == .text { write(LogDumpLine("\(path) is empty.")) }
            return
        }
        if options.checksIndexSanity {
            return checkSanity(path, size: size, entryBytes: OffsetIndexEntry.byteCount)
        }
        let log = try logFile(beside: path)
        var wrong: [String] = []
        try eachEntry(of: file, OffsetIndexEntry.self) { (index, entry) throws(SystemError) in
            // As Kafka: zeros after the first entry are room that was never used.
            if entry.relativeOffset == 0, index > 0 { return false }
            let offset = base + Int64(entry.relativeOffset)
            if let log {
                let found = try header(at: Int64(entry.position), of: log)?.lastOffset ?? -1
                if found != offset, wrong.count < 1000 {
                    wrong.append("  Index offset: \(offset), log offset: \(found)")
                }
            }
            if !options.verifiesIndexOnly, options.offsets.contains(offset) {
                write(
                    LogDumpLine(
                        "index",
                        [("offset", .int(offset)), ("position", .int(Int64(entry.position)))],
                        options.form))
            }
            return true
        }
        if !wrong.isEmpty {
            note("Mismatches in :\(path)")
            for line in wrong { note(line) }
        }
    }

    mutating func dumpTimeIndex(_ path: String, base: Int64) throws(SystemError) {
        let file = try disk.open(path, .read)
        let size = try file.size()
        if options.checksIndexSanity {
            return checkSanity(path, size: size, entryBytes: TimeIndexEntry.byteCount)
        }
        let log = try logFile(beside: path)
        var walk: Int64 = 0
        var earlier: Int64 = -1
        var mismatches: [String] = []
        var disorder: [String] = []
        var missing: [String] = []
        try eachEntry(of: file, TimeIndexEntry.self) { (index, entry) throws(SystemError) in
            if entry.relativeOffset == 0, index > 0 { return false }
            let offset = base + Int64(entry.relativeOffset)
            if let log {
                var found = try header(at: walk, of: log)
                while let batch = found, batch.lastOffset < offset {
                    walk += Int64(batch.totalByteCount)
                    found = try header(at: walk, of: log)
                }
                if found?.lastOffset != offset, missing.count < 1000 {
                    missing.append(
                        "Indexed offset: \(offset), found log offset: \(found?.lastOffset ?? -1)")
                } else if let found, found.maxTimestamp != entry.timestamp,
                    mismatches.count < 1000
                {
                    mismatches.append(
                        "  Index timestamp: \(entry.timestamp), "
                            + "log timestamp: \(found.maxTimestamp)")
                }
            }
            if earlier >= entry.timestamp, disorder.count < 1000 {
                disorder.append(
                    "  Index timestamp: \(entry.timestamp), "
                        + "Previously indexed timestamp: \(earlier)")
            }
            earlier = entry.timestamp
            if !options.verifiesIndexOnly, options.offsets.contains(offset) {
                write(
                    LogDumpLine(
                        "timeindex",
                        [("timestamp", .int(entry.timestamp)), ("offset", .int(offset))],
                        options.form))
            }
            return true
        }
        noteAll("Found timestamp mismatch in :\(path)", mismatches)
        noteAll("Found out of order timestamp in :\(path)", disorder)
        noteAll("The following indexed offsets are not found in the log.", missing)
    }

    private mutating func noteAll(_ title: String, _ lines: [String]) {
        guard !lines.isEmpty else { return }
        note(title)
        for line in lines { note(line) }
    }

    /// Kafka's transaction index: 34 bytes an entry, version 0 (AbortedTxn).
    mutating func dumpTransactionIndex(_ path: String) throws(SystemError) {
        let bytes = try disk.readAll(path)
        var reader = ByteReader(bytes)
        do throws(ByteReadError) {
            while !reader.isAtEnd {
                write(
                    LogDumpLine(
                        "aborted",
                        [
                            ("version", .int(Int64(try reader.int16()))),
                            ("producerId", .int(try reader.int64())),
                            ("firstOffset", .int(try reader.int64())),
                            ("lastOffset", .int(try reader.int64())),
                            ("lastStableOffset", .int(try reader.int64())),
                        ], options.form))
            }
        } catch {
            complain("\(path) ends within an entry: \(error)")
        }
    }

    mutating func dumpProducers(_ path: String) throws(SystemError) {
        guard let state = ProducerState(try disk.readAll(path)) else {
            return complain("\(path) is no producer snapshot, or its checksum is wrong")
        }
        for (id, producer) in state.producers.sorted(by: { $0.key < $1.key }) {
            let last =
                producer.batches.last
                ?? ProducerState.Batch(
                    firstSequence: -1, lastSequence: -1, firstOffset: -1, lastOffset: -1)
            // Kafka's names; its snapshots keep the last batch, ours up to five.
            var members: [(name: String, value: JSON)] = [
                ("producerId", .int(id)), ("producerEpoch", .int(Int64(producer.epoch))),
                ("coordinatorEpoch", .int(Int64(producer.coordinatorEpoch))),
                ("currentTxnFirstOffset", producer.transactionStart.map { .int($0) } ?? .null),
                ("lastTimestamp", .int(producer.lastAppendTime)),
                ("firstSequence", .int(Int64(last.firstSequence))),
                ("lastSequence", .int(Int64(last.lastSequence))),
                ("lastOffset", .int(last.lastOffset)),
                ("offsetDelta", .int(last.lastOffset - last.firstOffset)),
                ("timestamp", .int(producer.lastAppendTime)),
            ]
            if options.form == .json {
                members.append((
                    "batches",
                    .array(
                        producer.batches.map { batch in
                            .object([
                                ("firstSequence", .int(Int64(batch.firstSequence))),
                                ("lastSequence", .int(Int64(batch.lastSequence))),
                                ("firstOffset", .int(batch.firstOffset)),
                                ("lastOffset", .int(batch.lastOffset)),
                            ])
                        })
                ))
            }
            write(LogDumpLine("producer", members, options.form))
        }
    }

    func dumpSeal(_ path: String) throws(SystemError) {
        guard let seal = SegmentSeal.summary(try disk.readAll(path, bytesMax: 4096)) else {
            return complain("\(path) is no seal, or its checksum is wrong")
        }
        write(LogDumpLine("seal", members(of: seal), options.form))
    }

    func dumpMark(_ path: String) throws(SystemError) {
        let bytes = try disk.readAll(path, bytesMax: 1 << 16)
        for number in 0..<2 {
            let start = number * DurableMark.slotBytes
            guard bytes.count >= start + DurableMark.slotBytes else {
                complain("\(path) has no slot \(number)")
                continue
            }
            let slot = bytes[start..<start + DurableMark.slotBytes]
            guard let mark = DurableMark(slot: slot) else {
                complain("\(path) slot \(number) was never written, or is damaged")
                continue
            }
            write(
                LogDumpLine(
                    "mark",
                    [
                        ("slot", .int(Int64(number))), ("sequence", .int(Int64(mark.sequence))),
                        ("startOffset", .int(mark.startOffset)),
                        ("durableEnd", .int(mark.durableEnd)),
                        ("cleanStop", .bool(mark.isCleanStop)),
                        ("topicId", .string("\(mark.topicID)")),
                    ] + members(of: mark.segment), options.form))
        }
    }

    private func members(of summary: SegmentSummary) -> [(name: String, value: JSON)] {
        [
            ("baseOffset", .int(summary.base)), ("nextOffset", .int(summary.nextOffset)),
            ("size", .int(summary.byteCount)), ("maxTimestamp", .int(summary.maxTimestamp)),
            ("offsetOfMaxTimestamp", .int(summary.offsetOfMaxTimestamp)),
            ("firstAppendTime", .int(summary.firstAppendTime)),
            ("lastAppendTime", .int(summary.lastAppendTime)),
            ("indexEntries", .int(Int64(summary.indexCount))),
            ("indexCrc", .int(Int64(summary.indexChecksum))),
            ("timeIndexEntries", .int(Int64(summary.timeIndexCount))),
            ("timeIndexCrc", .int(Int64(summary.timeIndexChecksum))),
            ("producers", .int(Int64(summary.producerCount))),
        ]
    }
}
