internal import VarvePlatform
internal import VarveRecords

/// Puts into a segment what the journal has of it and the disk has not: batches that were
/// acknowledged when the journal had them, and whose own file was still to be written.
///
/// The journal may be behind the log: what it has of a batch that was cut off, or compacted, since
/// it was written must not come back. So a batch is written only where the segment has no valid
/// one whose offset goes on from the one in front.
struct JournalReplay {
    /// No batch reaches beyond.
    let limit: Int64
    private(set) var restoredBytes: Int64 = 0
    private var position: Int64
    private var next: Int64

    /// - Parameters:
    ///   - position: of a batch, or the end: everything in front is known.
    ///   - next: the lowest offset that may stand there.
    init(from position: Int64, expecting next: Int64, below limit: Int64) {
        self.position = position
        self.next = next
        self.limit = limit
    }

    /// - Parameter entries: the segment's, in any order.
    /// - Parameter read: the batches of an entry.
    mutating func run(
        _ entries: [JournalEntry], into file: any DiskFile,
        _ read: (JournalEntry) throws(SystemError) -> ByteSlice
    ) throws(SystemError) {
        // The latest of several for one place: an earlier one was not acknowledged.
        let sorted = entries.sorted {
            ($0.head.position, $1.head.file.round, $1.batches.lowerBound)
                < ($1.head.position, $0.head.file.round, $0.batches.lowerBound)
        }
        try BatchScanner.withWindow { (window) throws(SystemError) in
            var scanner = BatchScanner(file: file, size: try file.size(), window: window)
            for entry in sorted where entry.head.nextOffset > next {
                let place = entry.head.range
                // (An offset beyond the entry's is wrong, or the log has gone on differently.)
                while position < place.upperBound, let header = try scanner.batch(at: position),
                    fits(header), header.nextOffset <= entry.head.nextOffset
                {
                    pass(header)
                }
                // The disk has it all, as after the death of a process: no need to read it.
                guard position < place.upperBound else { continue }
                position = max(position, place.lowerBound)
                if try restore(try read(entry), of: place, in: file, &scanner) {
                    scanner = BatchScanner(file: file, size: try file.size(), window: window)
                }
            }
        }
    }

    /// Writes of `batches`, which belong to `place`, what is not there from `position` on; true
    /// when something was written.
    private mutating func restore(
        _ batches: ByteSlice, of place: Range<Int64>, in file: any DiskFile,
        _ scanner: inout BatchScanner
    ) throws(SystemError) -> Bool {
        var hasWritten = false
        var start = place.lowerBound
        while start < place.upperBound {
            let rest = batches[Int(start - place.lowerBound)...]
            guard let header = rest.withUnsafeBytes({ try? RecordBatchHeader(parsing: $0) }),
                header.totalByteCount <= rest.count
            else { break }
            let batch = rest[..<header.totalByteCount]
            start += Int64(batch.count)
            // The segment has it.
            if start <= position { continue }
            // The log has gone on without the journal's: with a batch across, or another one.
            guard start - Int64(batch.count) == position, fits(header) else { break }
            let there = try scanner.batch(at: position)
            if let there, there.checksum != header.checksum { break }
            // The checksum does not cover the offset, which may be missing, or wrong.
            if there?.baseOffset != header.baseOffset {
                try batch.withUnsafeBytes { (raw) throws(SystemError) in
                    try file.write(raw, at: position)
                }
                restoredBytes += Int64(batch.count)
                hasWritten = true
            }
            pass(header)
        }
        return hasWritten
    }

    private func fits(_ header: RecordBatchHeader) -> Bool {
        header.lastOffsetDelta >= 0 && header.baseOffset >= next && header.nextOffset <= limit
    }

    private mutating func pass(_ header: RecordBatchHeader) {
        position += Int64(header.totalByteCount)
        next = header.nextOffset
    }
}
