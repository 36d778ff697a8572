internal import VarvePlatform
internal import VarveRecords

/// Verifies one segment's files against each other: batches, records, indexes, seal, mark.
///
/// Reads only. One damage gives one finding: where the log itself is damaged, what then does not
/// fit it is not reported as well.
struct SegmentVerification {
    let files: PartitionFiles
    let base: Int64
    let disk: any Disk
    let options: Verification.Options

    private(set) var findings: [Finding] = []
    private(set) var batchCount: Int64 = 0
    private(set) var recordCount: Int64 = 0
    private(set) var bytesRead: Int64 = 0
    /// Batches whose records were not looked at, by the reason.
    private(set) var unread: [String: Int64] = [:]
    /// Offsets that no batch holds, though batches before and behind are there.
    private(set) var gaps: [Range<Int64>] = []

    /// What is expected of the segment comes from its seal, else from the mark.
    private var isSealed = false

    private var mark: DurableMark? { files.mark }
    private var logPath: String { files.path(base, .log) }

    init(_ files: PartitionFiles, base: Int64, disk: any Disk, options: Verification.Options) {
        self.files = files
        self.base = base
        self.disk = disk
        self.options = options
    }

    /// Whether all of it is durable and it takes no more appends.
    private var isClosed: Bool { mark.map { base < $0.segment.base } ?? false }
    private var isMarks: Bool { mark.map { base == $0.segment.base } ?? false }

    /// - Throws: what the disk answered; `isMissing` where the segment has gone meanwhile.
    mutating func run() throws(SystemError) {
        let file = try disk.open(logPath, .read)
        let size = try file.size()
        // A running broker may still be writing what no mark vouches for.
        if options.isRunning && !isClosed && !isMarks { return }
        // The mark's segment may have a seal from a time when another one followed it.
        let seal = isClosed || !options.isRunning && !isMarks ? try readSeal() : nil
        isSealed = seal != nil
        let summary = seal ?? ownMark
        var end = size
        if options.isRunning, isMarks, let own = ownMark { end = min(size, own.byteCount) }
        if options.dropsCache { try file.dropCache() }
        let check = try readIndexes(summary)
        let aborted = try readIndex(
            .txnindex, .transactionIndexDamaged, count: summary?.transactionCount ?? 0,
            checksum: summary?.transactionChecksum ?? 0, of: AbortedTransaction.self)
        let scan = try scan(file, to: end, check)
        if options.dropsCache { try file.dropCache() }
        judge(scan, size: isClosed ? end : scan.scan.end, summary)
        if !findings.contains(where: { $0.path == logPath && $0.kind != .epochDamaged }) {
            compare(scan, summary)
            if summary != nil { compare(scan.aborts, aborted) }
        }
        try checkProducers(summary)
    }

    /// What the mark says of this segment.
    private var ownMark: SegmentSummary? {
        guard let mark, mark.segment.base == base, mark.segment.byteCount > 0 else { return nil }
        return mark.segment
    }

    // MARK: Seal and indexes

    private mutating func readSeal() throws(SystemError) -> SegmentSummary? {
        let path = files.path(base, .seal)
        guard try disk.entry(path) != nil else {
            if isClosed {
                findings.append(Finding(.sealMissing, path, "the segment is closed and has none"))
            }
            return nil
        }
        guard let seal = SegmentSeal.summary(try disk.readAll(path, bytesMax: 4096)) else {
            findings.append(Finding(.sealDamaged, path, "not a seal, or its checksum is wrong"))
            return nil
        }
        guard seal.base == base else {
            findings.append(Finding(.sealDamaged, path, "it is of segment \(seal.base)"))
            return nil
        }
        return seal
    }

    /// The entries that seal or mark vouch for, ready to be held against the batches.
    private mutating func readIndexes(
        _ summary: SegmentSummary?
    ) throws(SystemError) -> IndexComparison {
        guard let summary else { return IndexComparison(base: base, entries: [], timeEntries: []) }
        return IndexComparison(
            base: base,
            entries: try readIndex(
                .index, .indexDamaged, count: summary.indexCount,
                checksum: summary.indexChecksum),
            timeEntries: try readIndex(
                .timeindex, .timeIndexDamaged, count: summary.timeIndexCount,
                checksum: summary.timeIndexChecksum))
    }

    private mutating func readIndex<Entry: IndexEntry>(
        _ kind: SegmentName.Kind, _ finding: Finding.Kind, count: Int, checksum: UInt32,
        of type: Entry.Type = Entry.self
    ) throws(SystemError) -> [Entry] {
        guard count > 0 else { return [] }
        let path = files.path(base, kind)
        let wanted = count * Entry.byteCount
        guard case .file(let size)? = try disk.entry(path) else {
            findings.append(Finding(finding, path, "the file is missing; it had \(count) entries"))
            return []
        }
        // A seal that lies about the count must not make us ask for any memory it likes (I8).
        guard size >= Int64(wanted) else {
            findings.append(
                Finding(
                    finding, path, position: size, byteCount: Int64(wanted) - size,
                    "\(size / Int64(Entry.byteCount)) entries are left of \(count)"))
            return []
        }
        let file = try disk.open(path, .read)
        if options.dropsCache { try file.dropCache() }
        let bytes = try ByteSlice(filling: wanted) { (buffer) throws(SystemError) in
            try file.read(into: buffer, at: 0)
        }
        bytesRead += Int64(bytes.count)
        guard bytes.count == wanted, bytes.withUnsafeBytes({ CRC32C.checksum($0) }) == checksum
        else {
            findings.append(
                Finding(
                    finding, path, position: 0, byteCount: Int64(wanted),
                    "the checksum of its \(count) entries is wrong"))
            return []
        }
        return Entry.all(in: bytes)
    }

    // MARK: Batches

    private struct Result {
        var scan = SegmentScan()
        var check: IndexComparison
        var nextOffset: Int64
        var maxTimestamp: Int64 = -1
        var offsetOfMaxTimestamp: Int64 = -1
        /// Offset and producer of each marker that ends a transaction by abort.
        var aborts: [(offset: Int64, producerID: Int64)] = []
    }

    private mutating func scan(
        _ file: any DiskFile, to end: Int64, _ check: IndexComparison
    ) throws(SystemError) -> Result {
        var result = Result(check: check, nextOffset: base)
        var records = RecordsCheck(file: file, end: end)
        var failure: SystemError?
        var found: [Finding] = []
        var gaps: [Range<Int64>] = []
        var reported = 0
        let path = logPath
        let nextBase = files.base(after: base)
        let progress = options.progress
        try result.scan.run(
            file, from: 0, size: end, expecting: base,
            below: Segment.offsetsEnd(base, nextBase: nextBase),
            endingAt: nextBase ?? mark?.durableEnd
        ) { header, position, marker in
            batchCount += 1
            // Compaction may have emptied the batch of a marker.
            if header.attributes.isControl, marker?.isCommit != true {
                result.aborts.append((header.lastOffset, header.producerID))
            }
            if header.baseOffset > result.nextOffset {
                gaps.append(result.nextOffset..<header.baseOffset)
            }
            result.nextOffset = header.nextOffset
            result.check.note(header, at: position)
            if header.maxTimestamp > result.maxTimestamp {
                result.maxTimestamp = header.maxTimestamp
                result.offsetOfMaxTimestamp = header.lastOffset
            }
            if failure == nil, options.readsRecords {
                do throws(SystemError) {
                    if let reason = try records.reason(against: header, at: position) {
                        found.append(
                            Finding(
                                .recordsDamaged, path, position: position,
                                byteCount: Int64(header.totalByteCount),
                                firstOffset: header.baseOffset, nextOffset: header.nextOffset,
                                reason))
                    }
                } catch {
                    failure = error
                }
            }
            let done = Int(position) + header.totalByteCount
            if done - reported >= 1 << 20 {
                progress(Int64(done - reported))
                reported = done
            }
        }
        progress(max(0, end - Int64(reported)))
        if let failure { throw failure }
        result.check.finish()
        findings += found
        self.gaps = gaps
        recordCount = records.recordCount
        unread = records.unread
        bytesRead += result.scan.bytesRead
        return result
    }

    // MARK: Judgement

    private mutating func judge(_ result: Result, size: Int64, _ summary: SegmentSummary?) {
        for repair in result.scan.repairs where repair.isOffsetWrong {
            findings.append(
                Finding(
                    .offsetDamaged, logPath, position: repair.position, byteCount: 8,
                    "the batch says another base offset than its neighbours leave for it, "
                        + "\(repair.baseOffset)"))
        }
        let expected = summary?.byteCount
        var isCut = expected.map { $0 > size } ?? false
        for invalid in result.scan.invalid {
            let reachesEnd = invalid.range.upperBound == size
            if isCut, reachesEnd, let expected, let summary {
                isCut = false
                noteTruncated(invalid.range.lowerBound, expected, result, summary)
                continue
            }
            if let expected, invalid.range.lowerBound >= expected {
                if isClosed { continue }
            } else if let expected, isClosed, reachesEnd, invalid.range.upperBound > expected {
                // Damage up to the end the seal knows; what stands behind is told below.
                noteInvalid(
                    invalid.range.lowerBound..<expected, invalid, isDurable: true,
                    reachesEnd: true)
                continue
            }
            let isDurable =
                isClosed || invalid.firstOffset < mark?.durableEnd ?? 0
                || expected.map { invalid.range.lowerBound < $0 } ?? false
            noteInvalid(invalid.range, invalid, isDurable: isDurable, reachesEnd: reachesEnd)
        }
        if isCut, let expected, let summary { noteTruncated(size, expected, result, summary) }
        if isClosed, let expected, size > expected {
            findings.append(
                Finding(
                    .segmentExtended, logPath, position: expected, byteCount: size - expected,
                    "the seal knows \(expected) bytes, the file has \(size)"))
        }
        // Varve writes 0; what clients build has -1 (NO_PARTITION_LEADER_EPOCH).
        let odd = result.scan.repairs.filter { $0.epoch != 0 && $0.epoch != -1 }
        if let first = odd.first {
            findings.append(
                Finding(
                    .epochDamaged, logPath, position: first.position + 12, byteCount: 4,
                    "leader epoch \(first.epoch) instead of 0"
                        + (odd.count > 1 ? ", and so in \(odd.count) batches" : "")))
        }
    }

    private mutating func noteInvalid(
        _ range: Range<Int64>, _ invalid: SegmentScan.Invalid, isDurable: Bool, reachesEnd: Bool
    ) {
        if !isDurable && options.isRunning { return }
        let next =
            invalid.nextOffset ?? max(
                invalid.firstOffset,
                files.base(after: base) ?? mark?.durableEnd ?? invalid.firstOffset)
        findings.append(
            Finding(
                isDurable ? .batchDamaged : reachesEnd ? .tornTail : .tornWrite, logPath,
                position: range.lowerBound, byteCount: range.upperBound - range.lowerBound,
                firstOffset: invalid.firstOffset, nextOffset: next,
                isDurable
                    ? "no valid batch stands here"
                    : "no valid batch stands here, behind what is known to be durable"))
    }

    private mutating func noteTruncated(
        _ position: Int64, _ expected: Int64, _ result: Result, _ summary: SegmentSummary
    ) {
        let next = isSealed ? summary.nextOffset : mark?.durableEnd ?? summary.nextOffset
        findings.append(
            Finding(
                .segmentTruncated, logPath, position: position, byteCount: expected - position,
                firstOffset: min(result.nextOffset, next), nextOffset: next,
                "whole batches end here; \(isSealed ? "the seal" : "the mark") knows "
                    + "\(expected) bytes"))
    }

    /// Holds a log without damage against what is kept beside it.
    private mutating func compare(_ result: Result, _ summary: SegmentSummary?) {
        if let wrong = result.check.wrong {
            note(wrong, .indexDamaged, .index)
        }
        if let wrong = result.check.wrongTime {
            note(wrong, .timeIndexDamaged, .timeindex)
        }
        guard let summary else { return }
        let (kind, path) =
            isSealed
            ? (Finding.Kind.sealDamaged, files.path(base, .seal))
            : (Finding.Kind.markDamaged, files.markPath)
        // A stopped broker's log may go on behind the mark; that part is not compared.
        guard summary.byteCount == result.scan.end else { return }
        if result.nextOffset > summary.nextOffset {
            findings.append(
                Finding(
                    kind, path, "it says offsets end at \(summary.nextOffset), the log's at "
                        + "\(result.nextOffset)"))
        } else if result.maxTimestamp != summary.maxTimestamp
            || result.offsetOfMaxTimestamp != summary.offsetOfMaxTimestamp
        {
            findings.append(
                Finding(
                    kind, path,
                    "it says the newest timestamp is \(summary.maxTimestamp) at offset "
                        + "\(summary.offsetOfMaxTimestamp), the log \(result.maxTimestamp) at "
                        + "\(result.offsetOfMaxTimestamp)"))
        }
    }

    /// An entry must be of an abort marker that the log has. (A marker of a transaction without
    /// records has no entry.)
    private mutating func compare(
        _ aborts: [(offset: Int64, producerID: Int64)], _ entries: [AbortedTransaction]
    ) {
        let producers = Dictionary(aborts.map { ($0.offset, $0.producerID) }) { first, _ in first }
        var earlier: AbortedTransaction?
        for (number, entry) in entries.enumerated() {
            defer { earlier = entry }
            guard producers[entry.lastOffset] == entry.producerID,
                entry.firstOffset < entry.lastOffset, earlier.map(entry.follows) ?? true
            else {
                note(
                    IndexComparison.Wrong(
                        position: Int64(number * AbortedTransaction.byteCount),
                        reason: "entry \(number) (producer \(entry.producerID), offsets "
                            + "\(entry.firstOffset) to \(entry.lastOffset)) is of no abort "
                            + "marker there"),
                    .transactionIndexDamaged, .txnindex)
                return
            }
        }
    }

    private mutating func note(
        _ wrong: IndexComparison.Wrong, _ kind: Finding.Kind, _ file: SegmentName.Kind
    ) {
        let path = files.path(base, file)
        if findings.contains(where: { $0.path == path }) { return }
        findings.append(
            Finding(kind, path, position: wrong.position, wrong.reason))
    }

    /// The producers that seal or mark say there are must be in a file.
    private mutating func checkProducers(_ summary: SegmentSummary?) throws(SystemError) {
        guard let summary, summary.producerCount > 0 else { return }
        // The state of an older mark goes when a newer one is written.
        if !isSealed, !files.wrongSlots.isEmpty { return }
        let offset = isSealed ? summary.nextOffset : mark?.durableEnd ?? summary.nextOffset
        let path = files.path(offset, .producers)
        // What is there is verified with the partition.
        if try disk.entry(path) == nil {
            findings.append(
                Finding(
                    .producersMissing, path,
                    "\(isSealed ? "the seal" : "the mark") says there are "
                        + "\(summary.producerCount) producers"))
        }
    }
}
