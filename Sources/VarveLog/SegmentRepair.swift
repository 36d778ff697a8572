internal import VarvePlatform
internal import VarveRecords

/// What is done with the findings of a scan, at a start and in a running log alike: offsets put
/// right in place, invalid ranges set aside and reported, the file written anew without them.
struct SegmentRepair {
    let topic: String
    let partition: Int32
    let directory: String
    let base: Int64
    let store: LogStore
    /// Every offset below was durable.
    let durableEnd: Int64
    /// Wall clock, ms since 1970.
    let now: Int64

    /// Writes the fields outside the checksum anew where they were damaged, in place: sixteen
    /// bytes each, and a crash in between leaves what the next pass finds and repairs as well.
    /// - Throws: the file may be half repaired; after a failed sync nobody knows (I6).
    func restore(
        _ repairs: [SegmentScan.Repair], in file: any DiskFile, _ report: inout PartitionReport
    ) throws(SystemError) {
        guard !repairs.isEmpty else { return }
        for repair in repairs {
            var writer = ByteWriter(capacity: 16)
            writer.int64(repair.baseOffset)
            writer.int32(repair.batchLength)
            writer.int32(0)
            try writer.finish().withUnsafeBytes { (bytes) throws(SystemError) in
                try file.write(bytes, at: repair.position)
            }
            report.notes.append(
                "\(file.path) position \(repair.position): offset \(repair.baseOffset) restored")
        }
        try file.syncData()
    }

    /// Copies an invalid range to the quarantine, reports it (I7), and returns what to do with it.
    func setAside(
        _ invalid: SegmentScan.Invalid, of file: any DiskFile, size: Int64, nextBase: Int64?,
        _ report: inout PartitionReport
    ) throws(SystemError) -> RecoveryTable.Decision {
        let isBelow = invalid.firstOffset < durableEnd
        let decision = RecoveryTable.decide(
            invalid.range.upperBound == size ? .invalidToEnd : .invalidThenValid,
            isBelow ? .belowMark : .atOrAboveMark)
        let kind: Damage.Kind
        switch decision {
        case .keep: return .keep
        case .closeGap(let reason), .truncate(let reason): kind = reason
        }
        // Where nothing follows, all that the log knows to have been there is missing.
        let knownEnd = nextBase ?? (isBelow ? durableEnd : nil)
        let nextOffset = invalid.nextOffset ?? max(invalid.firstOffset, knownEnd ?? 0)
        let copy = try Quarantine(disk: store.disk, directory: store.quarantine).keep(
            invalid.range, of: file,
            Quarantine.Origin(
                topic: topic, partition: partition, segmentBase: base, path: file.path,
                kind: kind, firstOffset: invalid.firstOffset, nextOffset: nextOffset, now: now))
        report.damages.append(
            Damage(
                kind: kind, path: file.path, position: invalid.range.lowerBound,
                byteCount: invalid.range.upperBound - invalid.range.lowerBound,
                firstOffset: invalid.firstOffset, nextOffset: nextOffset, quarantine: copy))
        return decision
    }

    /// A synced file beside the segment's that holds `size` bytes of `source` without `gaps`.
    func copy(
        _ source: any DiskFile, without gaps: [Range<Int64>], size: Int64
    ) throws(SystemError) -> SegmentReplacement {
        // Not from the reserve: a segment may be larger than that.
        var fresh = try SegmentReplacement(
            disk: store.files.disk, directory: directory, base: base)
        var position: Int64 = 0
        for gap in gaps + [size..<size] {
            try fresh.copy(position..<gap.lowerBound, of: source)
            position = gap.upperBound
        }
        try fresh.sync()
        return fresh
    }
}
