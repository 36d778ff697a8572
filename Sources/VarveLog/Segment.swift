internal import VarvePlatform
internal import VarveRecords

/// One file of record batches, back to back, with its indexes: Kafka's segment.
///
/// The last segment of a log is the active one, the only one that grows. A value inside its
/// partition's lock; the open file may be used outside it.
struct Segment: Sendable {
    let directory: String
    let base: Int64
    /// Where its open file is found.
    let handle: SegmentHandle
    /// The offset the next batch gets, or got in the next segment.
    var nextOffset: Int64
    var byteCount: Int64 = 0
    var maxTimestamp: Int64 = -1
    var offsetOfMaxTimestamp: Int64 = -1
    /// When the first and the last batch were appended, ms since 1970; -1 while empty. Retention
    /// and rolling by age count from these.
    var firstAppendTime: Int64 = -1
    var lastAppendTime: Int64 = -1
    var index = OffsetIndex()
    var timeIndex = TimeIndex()
    /// The aborted transactions whose markers stand here.
    var transactions = TransactionIndex()
    /// Whether the .log file exists. A new partition makes it with its first append.
    var exists = false
    /// Whether a durable seal describes it.
    var isSealed = false
    /// A read has found damage in it: it is not sealed again, so that the next start reads it.
    var isSuspect = false
    /// Bytes of an earlier life may stand behind its end (see `LastBlock`): the next batch goes to
    /// a new segment.
    var mustNotGrow = false
    /// Up to where zeros were written, see `writeAhead`.
    private var zerosEnd: Int64 = 0
    /// Whether there are zeros behind its batches.
    var hasZerosBehind: Bool { zerosEnd > byteCount }
    /// Where the batches begin that the last sync covered, or the next one will.
    private var groupStart: Int64 = 0
    /// Counts how often the file was replaced by another, in which positions are different ones.
    var revision = 0
    /// Producer state behind its last record, until that is written beside the next segment.
    var producersAtEnd: ByteSlice?
    var producerCountAtEnd = 0
    private var bytesSinceIndexEntry = 0

    init(files: SegmentFiles, directory: String, base: Int64) {
        handle = SegmentHandle(files)
        self.directory = directory
        self.base = base
        nextOffset = base
    }

    init(files: SegmentFiles, directory: String, summary: SegmentSummary) {
        self.init(files: files, directory: directory, base: summary.base)
        nextOffset = summary.nextOffset
        byteCount = summary.byteCount
        maxTimestamp = summary.maxTimestamp
        offsetOfMaxTimestamp = summary.offsetOfMaxTimestamp
        firstAppendTime = summary.firstAppendTime
        lastAppendTime = summary.lastAppendTime
        index = OffsetIndex(writtenCount: summary.indexCount, checksum: summary.indexChecksum)
        timeIndex = TimeIndex(
            writtenCount: summary.timeIndexCount, checksum: summary.timeIndexChecksum)
        transactions = TransactionIndex(
            writtenCount: summary.transactionCount, checksum: summary.transactionChecksum)
        producerCountAtEnd = summary.producerCount
        exists = true
    }

    func path(_ kind: SegmentName.Kind) -> String {
        directory + "/" + SegmentName.file(base, kind)
    }

    /// The .log file, opened when it is not open. Hold on to it only while it is used.
    mutating func open() throws(SystemError) -> any DiskFile {
        try open(isTransient: true)
    }

    /// The .log file, to be written and left unsynced.
    /// - Throws: EMFILE, from "open", while all files that may be kept open are such.
    mutating func openToAppend() throws(SystemError) -> any DiskFile {
        try open(isTransient: false)
    }

    private mutating func open(isTransient: Bool) throws(SystemError) -> any DiskFile {
        let opened = try handle.open(
            path(.log), exists ? .readWrite : .createNew, isTransient: isTransient)
        exists = true
        return opened
    }

    /// Where a sync covers more, its metadata is little beside that.
    private static let loneBytesMax: Int64 = 16 << 10
    private static let aheadBytesMax: Int64 = 1 << 16
    private static let blockBytes: Int64 = 1 << 12

    /// Writes zeros behind where the next batch will end, the first since a sync, where batches
    /// come alone or few at a time: they find blocks that are written already and a size that
    /// covers them, and their syncs have no metadata to write. Measured (ext4): 87 µs instead of
    /// 127. Zeros are written to the end of a block, for three times what the file has, at most
    /// 64 KiB: a partition that has little takes little, and few syncs have to extend the file.
    ///
    /// A start takes zeros behind the last batch for nothing (`SegmentScan`); `endFile` cuts them
    /// off.
    /// - Parameter file: the segment's file; where it has something unsynced, nothing happens.
    /// - Throws: not for want of space: then there are no zeros, or fewer.
    mutating func writeAhead(
        _ file: any DiskFile, of batchByteCount: Int
    ) throws(SystemError) {
        guard !hasUnsyncedFile else { return }
        let end = byteCount + Int64(batchByteCount)
        let groupBytes = end - groupStart
        groupStart = byteCount
        guard groupBytes <= Self.loneBytesMax, end > zerosEnd else { return }
        let blocks = (end + min(3 * end, Self.aheadBytesMax - Self.blockBytes)) / Self.blockBytes
        zerosEnd = (blocks + 1) * Self.blockBytes
        do throws(SystemError) {
            try file.writeZeros(end..<zerosEnd)
        } catch {
            guard error.isOnlyFull else { throw error }
        }
    }

    /// The file grows no more: zeros and space set aside behind its end go. Under the partition's
    /// lock.
    /// - Returns: the file where that was so, to be synced.
    @discardableResult
    mutating func endFile() throws(SystemError) -> (any DiskFile)? {
        guard exists, hasZerosBehind || SegmentFile.mayHaveSpaceAside(byteCount) else {
            return nil
        }
        let file = try open()
        try file.truncate(to: byteCount)
        zerosEnd = 0
        return file
    }

    /// Forgets the open file, see `SegmentHandle.close`.
    func closeFile() { handle.close() }

    /// Whether the file has bytes that no sync has covered.
    var hasUnsyncedFile: Bool { handle.file?.isPinned ?? false }

    /// Whether a batch of `bytes` that ends at `lastOffset` has room. Positions and relative
    /// offsets must fit 31 bits, as Kafka's readers take them for signed.
    func hasRoom(bytes: Int, lastOffset: Int64, segmentBytes: Int) -> Bool {
        byteCount == 0
            || byteCount + Int64(bytes) <= Int64(segmentBytes)
                && lastOffset - base <= Int64(Int32.max)
    }

    /// The offset behind the last that a segment beginning at `base` may hold: the next segment's,
    /// and none that is too far from its own for an index. The checksum does not cover offsets, so
    /// a damaged one must not carry the log's end away.
    static func offsetsEnd(_ base: Int64, nextBase: Int64?) -> Int64 {
        let (reach, isBeyond) = base.addingReportingOverflow(Int64(Int32.max) + 1)
        return min(nextBase ?? Int64.max, isBeyond ? Int64.max : reach)
    }

    /// Takes note of a batch that was written at `byteCount`. REQUIRES: indexes loaded.
    mutating func note(_ header: RecordBatchHeader, appendTime: Int64, indexIntervalBytes: Int) {
        if header.maxTimestamp > maxTimestamp {
            maxTimestamp = header.maxTimestamp
            offsetOfMaxTimestamp = header.lastOffset
        }
        // The checksum does not cover offsets. Those of a batch behind a gap do not follow from the
        // one before, so the index vouches for them (I2).
        let isDue = bytesSinceIndexEntry > indexIntervalBytes || header.baseOffset != nextOffset
        if isDue, header.lastOffset - base <= Int64(Int32.max) {
            index.append(
                OffsetIndexEntry(
                    relativeOffset: UInt32(header.lastOffset - base),
                    position: UInt32(byteCount)))
            noteTime()
            bytesSinceIndexEntry = 0
        }
        bytesSinceIndexEntry += header.totalByteCount
        byteCount += Int64(header.totalByteCount)
        nextOffset = header.nextOffset
        if appendTime >= 0 {
            if firstAppendTime < 0 { firstAppendTime = appendTime }
            lastAppendTime = max(lastAppendTime, appendTime)
        }
    }

    /// Takes note of a transaction whose marker was written last. REQUIRES: indexes loaded.
    /// - Parameter producers: the state behind the marker.
    mutating func note(
        _ completed: ProducerState.CompletedTransaction?, _ producers: ProducerState
    ) {
        guard let completed, !completed.isCommit else { return }
        transactions.append(
            AbortedTransaction(
                completed,
                lastStableOffset: min(
                    producers.firstOpenOffset ?? Int64.max, completed.markerOffset + 1)))
    }

    /// Adds the newest timestamp so far to the time index. REQUIRES: indexes loaded.
    mutating func noteTime() {
        let relative = offsetOfMaxTimestamp - base
        guard maxTimestamp >= 0, relative >= 0, relative <= Int64(Int32.max) else { return }
        timeIndex.append(
            TimeIndexEntry(timestamp: maxTimestamp, relativeOffset: UInt32(relative)))
    }

    /// Takes over what a new file, or a new reading of the file, holds: `fresh` has noted every
    /// batch of it. What the records' times and producers were stays known, also of those gone.
    mutating func takeContents(of fresh: Segment, hasNewFile: Bool) {
        byteCount = fresh.byteCount
        maxTimestamp = fresh.maxTimestamp
        offsetOfMaxTimestamp = fresh.offsetOfMaxTimestamp
        index = fresh.index
        timeIndex = fresh.timeIndex
        // The seal speaks of the old file: the next commit writes it anew.
        isSealed = false
        isSuspect = false
        guard hasNewFile else { return }
        transactions = fresh.transactions
        zerosEnd = 0
        revision += 1
        closeFile()
    }

    /// What a seal or mark says of the segment. Index entries not yet written are not counted.
    var summary: SegmentSummary {
        var summary = SegmentSummary(base: base)
        summary.nextOffset = nextOffset
        summary.byteCount = byteCount
        summary.maxTimestamp = maxTimestamp
        summary.offsetOfMaxTimestamp = offsetOfMaxTimestamp
        summary.firstAppendTime = firstAppendTime
        summary.lastAppendTime = lastAppendTime
        summary.indexCount = index.writtenCount
        summary.indexChecksum = index.writtenChecksum
        summary.timeIndexCount = timeIndex.writtenCount
        summary.timeIndexChecksum = timeIndex.writtenChecksum
        summary.producerCount = producerCountAtEnd
        summary.transactionCount = transactions.writtenCount
        summary.transactionChecksum = transactions.writtenChecksum
        return summary
    }
}
