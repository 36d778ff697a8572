internal import VarvePlatform
internal import VarveRecords

/// The segment that takes the place of a group of closed ones, while it is being written aside.
///
/// Its files have names that end in `.tmp`, which every start removes. REQUIRES: the partition's
/// `rewriting` lock, until it is in its place or discarded.
struct CleanedSegment {
    /// What it will be; its file is found under its name, once it has that.
    private(set) var segment: Segment
    private(set) var isUnchanged = true
    private let directory: String
    private var disk: any Disk { replacement.disk }
    private var replacement: SegmentReplacement
    private let indexIntervalBytes: Int
    private var pending = ByteWriter(capacity: 1 << 16)
    /// Offsets of the markers that went.
    private var removedMarkers: Set<Int64> = []

    private static let pieceBytes = 1 << 20
    /// The kinds of files that are written aside and renamed.
    static let kinds: [SegmentName.Kind] = [.log, .index, .timeindex, .txnindex]

    static func aside(_ base: Int64, _ kind: SegmentName.Kind) -> String {
        SegmentName.file(base, kind) + ".tmp"
    }

    /// Begins the segment that replaces `group`.
    init(
        replacing group: [Segment], files: SegmentFiles, directory: String,
        indexIntervalBytes: Int
    ) throws(SystemError) {
        let first = group[0]
        let last = group[group.count - 1]
        self.directory = directory
        self.indexIntervalBytes = indexIntervalBytes
        replacement = try SegmentReplacement(
            disk: files.disk, directory: directory, base: first.base)
        segment = Segment(files: files, directory: directory, base: first.base)
        segment.exists = true
        segment.revision = first.revision + 1
        segment.producerCountAtEnd = last.producerCountAtEnd
    }

    /// Adds what is left of a batch. Returns how many bytes went to the disk just now.
    /// - Throws: what writing does; EFBIG where positions would not fit an index.
    mutating func append(
        _ header: RecordBatchHeader, _ batch: ByteSlice, _ outcome: BatchCleaner.Outcome
    ) throws(SystemError) -> Int {
        let before = replacement.byteCount
        switch outcome {
        case .removed:
            isUnchanged = false
            if header.attributes.isControl { removedMarkers.insert(header.lastOffset) }
        case .unchanged:
            try append(header, batch)
        case .rewritten(let bytes):
            isUnchanged = false
            let header: RecordBatchHeader
            do throws(RecordError) {
                header = try bytes.withUnsafeBytes { (raw) throws(RecordError) in
                    try RecordBatchHeader(parsing: raw)
                }
            } catch {
                preconditionFailure("a batch of our own does not parse: \(error)")
            }
            try append(header, bytes)
        }
        return Int(replacement.byteCount - before)
    }

    private mutating func append(
        _ header: RecordBatchHeader, _ bytes: ByteSlice
    ) throws(SystemError) {
        guard segment.byteCount + Int64(bytes.count) <= Int64(Int32.max) else {
            throw SystemError(
                call: "write", errno: SystemError.fileTooBig, subject: replacement.file.path)
        }
        segment.note(header, appendTime: -1, indexIntervalBytes: indexIntervalBytes)
        pending.bytes(bytes)
        if pending.count >= Self.pieceBytes { try flush() }
    }

    private mutating func flush() throws(SystemError) {
        guard pending.count > 0 else { return }
        try pending.finish().withUnsafeBytes { (raw) throws(SystemError) in
            try replacement.append(raw)
        }
    }

    private func writeAside<Entry>(
        _ index: inout SparseIndex<Entry>, _ kind: SegmentName.Kind
    ) throws(SystemError) {
        let file = try disk.open(directory + "/" + Self.aside(segment.base, kind), .create)
        try file.truncate(to: 0)
        try index.write(to: file)
        try file.syncData()
    }

    /// Writes what is left and the indexes; all bytes are durable on return, their names are not.
    mutating func finish(_ group: [Segment]) throws(SystemError) {
        try flush()
        try replacement.sync()
        segment.nextOffset = group[group.count - 1].nextOffset
        segment.firstAppendTime =
            group.map(\.firstAppendTime).filter { $0 >= 0 }.min() ?? -1
        segment.lastAppendTime = group.map(\.lastAppendTime).max() ?? -1
        segment.noteTime()
        // While a marker stays, so does what the index says of it.
        for entry in group.flatMap(\.transactions.entries)
        where !removedMarkers.contains(entry.lastOffset) {
            segment.transactions.append(entry)
        }
        try writeAside(&segment.index, .index)
        try writeAside(&segment.timeIndex, .timeindex)
        if !segment.transactions.isEmpty { try writeAside(&segment.transactions, .txnindex) }
        segment.isSealed = true
    }

    /// Removes what was written. What cannot be removed now goes at the next start.
    func discard(_ logger: Logger?) {
        do throws(SystemError) {
            for kind in Self.kinds {
                let path = directory + "/" + Self.aside(segment.base, kind)
                if try disk.entry(path) != nil { try disk.remove(path) }
            }
        } catch {
            logger?.warning("unfinished compaction left behind", ["cause": error])
        }
    }
}
