internal import VarvePlatform

/// What seal or mark say of a segment that recovery reads whole all the same.
///
/// Where the log agrees, all of it is kept: index files, append times and seal stay as they are,
/// and reading everything changes nothing on a healthy disk.
struct VouchedSegment {
    private let base: Int64
    private let summary: SegmentSummary?
    private let isSealed: Bool
    /// The segment is closed for good, so a seal should be there.
    private let isClosed: Bool
    /// The offset behind it, where its producer state is kept.
    let end: Int64
    private let producersPath: String
    private let disk: any Disk
    private var known: Segment?
    /// To be fed with the batches; nil where no index is believed.
    let check: IndexComparison?

    /// - Parameter size: bytes of the .log file.
    init(
        base: Int64, size: Int64, seal: SegmentSummary?, mark: DurableMark?, isLast: Bool,
        directory: String, store: LogStore
    ) throws(SystemError) {
        self.base = base
        disk = store.disk
        isClosed = !isLast && mark.map { base < $0.segment.base } ?? false
        if let seal, seal.byteCount == size {
            summary = seal
            isSealed = true
        } else if isLast, let mark, mark.segment.base == base, mark.segment.byteCount <= size,
            mark.segment.byteCount > 0
        {
            // Behind it there may be zeros (`Segment.writeAhead`), or what no mark knows yet.
            summary = mark.segment
            isSealed = false
        } else {
            summary = nil
            isSealed = false
        }
        end = (isSealed ? summary?.nextOffset : mark?.durableEnd) ?? base
        producersPath = directory + "/" + SegmentName.file(end, .producers)
        guard let summary else {
            check = nil
            return
        }
        var segment = Segment(files: store.files, directory: directory, summary: summary)
        guard try segment.loadIndexes(from: disk) else {
            check = nil
            return
        }
        check = IndexComparison(
            base: base, entries: segment.index.entries, timeEntries: segment.timeIndex.entries)
        known = segment
    }

    /// The segment as seal or mark know it, when `read`, which is what its log has, agrees; else
    /// nil, and a note of what does not.
    func confirmed(
        by read: Segment, _ check: IndexComparison?, _ notes: inout [String]
    ) throws(SystemError) -> Segment? {
        guard let summary else {
            if isClosed {
                notes.append("the seal of segment \(base) was missing or damaged; made anew")
            }
            return nil
        }
        guard var known, var check else {
            notes.append("an index of segment \(base) did not match; built anew")
            return nil
        }
        if !isSealed, read.byteCount > summary.byteCount { return nil }
        check.finish()
        guard check.wrong == nil, check.wrongTime == nil,
            Self.knows(known.transactions.entries, read.transactions.entries)
        else {
            notes.append("an index of segment \(base) did not match; built anew")
            return nil
        }
        guard read.byteCount == summary.byteCount, read.nextOffset <= summary.nextOffset,
            read.maxTimestamp == summary.maxTimestamp,
            read.offsetOfMaxTimestamp == summary.offsetOfMaxTimestamp
        else {
            notes.append(
                "what the \(isSealed ? "seal" : "mark") says of segment \(base) did not match; "
                    + "made anew")
            return nil
        }
        if summary.producerCount > 0 {
            guard try disk.entry(producersPath) != nil,
                ProducerState(try disk.readAll(producersPath)) != nil
            else {
                notes.append("the producer state behind segment \(base) was built anew")
                return nil
            }
        }
        known.isSealed = isSealed
        read.closeFile()
        return known
    }

    /// Whether the index has every aborted transaction that the log shows. It may have more, and
    /// earlier beginnings: compaction takes their records, not the entry.
    private static func knows(
        _ known: [AbortedTransaction], _ read: [AbortedTransaction]
    ) -> Bool {
        let byMarker = Dictionary(known.map { ($0.lastOffset, $0) }) { first, _ in first }
        return read.allSatisfy { found in
            byMarker[found.lastOffset].map {
                $0.producerID == found.producerID && $0.firstOffset <= found.firstOffset
            } ?? false
        }
    }

    /// Append times are in no batch: those of seal or mark are better than the time of reading.
    func lendTimes(to segment: inout Segment) {
        guard let summary, summary.firstAppendTime >= 0 else { return }
        segment.firstAppendTime = summary.firstAppendTime
        if segment.nextOffset <= summary.nextOffset {
            segment.lastAppendTime = summary.lastAppendTime
        }
    }
}
