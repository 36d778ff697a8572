internal import VarvePlatform
internal import VarveRecords

/// Verifies one partition's directory.
///
/// A running broker changes it meanwhile: what does not fit is looked at again, with the mark and
/// the names of that moment, and is a finding only when it is still there.
struct PartitionVerification {
    let topic: String
    let partition: Int32
    let directory: String
    let disk: any Disk
    let options: Verification.Options
    /// Offset gaps are what compaction leaves.
    let isCompacting: Bool

    private(set) var report: VerificationReport
    private var files: PartitionFiles

    /// How often something in a running broker's directory is looked at before it counts.
    private static let roundsMax = 5
    /// More findings of one partition are only counted (I8).
    private static let findingsMax = 1000

    init(
        topic: String, partition: Int32, directory: String, isCompacting: Bool, disk: any Disk,
        options: Verification.Options
    ) throws(SystemError) {
        self.topic = topic
        self.partition = partition
        self.directory = directory
        self.isCompacting = isCompacting
        self.disk = disk
        self.options = options
        report = VerificationReport()
        files = try PartitionFiles(lookingAt: directory, disk)
    }

    /// - Throws: what the disk answered; `isMissing` where the directory has gone.
    mutating func run() throws(SystemError) {
        report.partitionCount = 1
        for base in files.bases {
            try confirmed { (verification) throws(SystemError) in
                try verification.verifySegment(base)
            }
        }
        try confirmed { (verification) throws(SystemError) in try verification.verifyWhole() }
        for index in report.findings.indices {
            report.findings[index].topic = topic
            report.findings[index].partition = partition
        }
        if report.findings.count > Self.findingsMax {
            let more = report.findings.count - Self.findingsMax
            report.findings.removeLast(more)
            report.notes.append("\(topic)-\(partition): \(more) more findings are left out")
        }
    }

    /// Runs `body`, which adds to the report, and keeps those findings that more looks confirm.
    private mutating func confirmed(
        _ body: (inout PartitionVerification) throws(SystemError) -> Void
    ) throws(SystemError) {
        var earlier = report
        report = VerificationReport()
        try body(&self)
        var confirmed = report.findings
        var round = 1
        while options.isRunning, !confirmed.isEmpty, round < Self.roundsMax {
            options.pause()
            files = try PartitionFiles(lookingAt: directory, disk)
            report = VerificationReport()
            try body(&self)
            confirmed = report.findings.filter { again in
                confirmed.contains { $0.isSame(as: again) }
            }
            round += 1
        }
        report.findings = confirmed
        earlier.add(report)
        report = earlier
    }

    // MARK: Segments

    private mutating func verifySegment(_ base: Int64) throws(SystemError) {
        guard files.bases.contains(base), !files.isBeingSwapped(base) else { return }
        var segment = SegmentVerification(files, base: base, disk: disk, options: options)
        do throws(SystemError) {
            try segment.run()
        } catch {
            // Retention or compaction took a file away; the next look tells.
            if error.isMissing {
                if !options.isRunning || isStillNamed(error.subject) {
                    report.findings.append(Finding(.unreadable, error.subject, "\(error)"))
                }
                return
            }
            report.findings.append(
                Finding(.unreadable, error.subject, position: nil, "\(error)"))
            return
        }
        report.findings += segment.findings
        report.segmentCount += 1
        report.batchCount += segment.batchCount
        report.recordCount += segment.recordCount
        report.bytesRead += segment.bytesRead
        for (reason, count) in segment.unread { report.unread[reason, default: 0] += count }
        if !isCompacting {
            for gap in segment.gaps {
                report.notes.append(
                    "\(topic)-\(partition): offsets \(gap.lowerBound) to \(gap.upperBound - 1) "
                        + "are not there, between batches of segment \(base)")
            }
        }
    }

    private func isStillNamed(_ path: String) -> Bool {
        do throws(SystemError) {
            let now = try PartitionFiles(lookingAt: directory, disk)
            return now.names.contains(String(path.split(separator: "/").last ?? ""))
        } catch {
            return false
        }
    }

    // MARK: What is not of one segment

    private mutating func verifyWhole() throws(SystemError) {
        verifyMark()
        try verifyContinuity()
        try verifyProducerFiles()
        try verifyCheckpoint()
        if !options.isRunning {
            for range in files.swaps {
                report.notes.append(
                    "\(topic)-\(partition): a compaction of offsets \(range.lowerBound) to "
                        + "\(range.upperBound - 1) was under way; the next start ends it")
            }
        }
        for name in files.names.sorted() where !isKnown(name) {
            report.notes.append("\(directory)/\(name) is no file of a partition; left alone")
        }
    }

    private func isKnown(_ name: String) -> Bool {
        name == "durable" || name == CompactionCheckpoint.fileName || SegmentSwap.isName(name)
            || SegmentName.parse(name) != nil || name.hasSuffix(".tmp")
    }

    private mutating func verifyMark() {
        guard let slots = files.slots else {
            let hasSeal = files.names.contains { SegmentName.parse($0)?.kind == .seal }
            if hasSeal {
                report.findings.append(
                    Finding(.markMissing, files.markPath, "closed segments are there, and no mark"))
            }
            return
        }
        for number in files.wrongSlots {
            report.findings.append(
                Finding(
                    .markDamaged, files.markPath,
                    position: Int64(number * DurableMark.slotBytes),
                    byteCount: Int64(DurableMark.slotBytes),
                    slots[number] == .damaged
                        ? "slot \(number): not a mark, or its checksum is wrong"
                        : "slot \(number) is not there"))
        }
    }

    /// Between the mark and the segments, and between neighbours, no offsets may be missing that
    /// the mark or a seal knows.
    private mutating func verifyContinuity() throws(SystemError) {
        guard let mark = files.mark else { return }
        let first = files.bases.first ?? mark.durableEnd
        if first > mark.startOffset {
            report.findings.append(
                Finding(
                    .segmentMissing, files.path(mark.startOffset, .log),
                    firstOffset: mark.startOffset, nextOffset: first,
                    "the log starts at \(mark.startOffset), the first file at \(first)"))
        }
        if !files.bases.contains(mark.segment.base), mark.durableEnd > mark.startOffset,
            first <= mark.startOffset
        {
            report.findings.append(
                Finding(
                    .segmentMissing, files.path(mark.segment.base, .log),
                    firstOffset: mark.segment.base, nextOffset: mark.durableEnd,
                    "the mark speaks of it"))
        }
        for (base, next) in zip(files.bases, files.bases.dropFirst())
        where base < mark.segment.base && !files.isBeingSwapped(base)
            && !files.isBeingSwapped(next)
        {
            let path = files.path(base, .seal)
            guard try disk.entry(path) != nil,
                let seal = SegmentSeal.summary(try disk.readAll(path, bytesMax: 4096)),
                seal.base == base, seal.nextOffset != next
            else { continue }
            if seal.nextOffset < next {
                report.findings.append(
                    Finding(
                        .segmentMissing, files.path(seal.nextOffset, .log),
                        firstOffset: seal.nextOffset, nextOffset: next,
                        "segment \(base) ends at \(seal.nextOffset), the next file begins at "
                            + "\(next)"))
            } else {
                report.findings.append(
                    Finding(
                        .sealDamaged, path,
                        "it says offsets end at \(seal.nextOffset), and segment \(next) follows"))
            }
        }
    }

    private mutating func verifyCheckpoint() throws(SystemError) {
        guard files.names.contains(CompactionCheckpoint.fileName) else { return }
        if try CompactionCheckpoint.read(directory, disk) == nil {
            report.findings.append(
                Finding(
                    .checkpointDamaged, directory + "/" + CompactionCheckpoint.fileName,
                    "not a checkpoint, or its checksum is wrong"))
        }
    }

    private mutating func verifyProducerFiles() throws(SystemError) {
        for name in files.names.sorted() {
            guard let (offset, kind) = SegmentName.parse(name), kind == .producers else { continue }
            let path = directory + "/" + name
            let bytes: ByteSlice
            do throws(SystemError) {
                bytes = try disk.readAll(path)
            } catch {
                if error.isMissing, options.isRunning { continue }
                report.findings.append(Finding(.unreadable, path, "\(error)"))
                continue
            }
            report.bytesRead += Int64(bytes.count)
            guard let state = ProducerState(bytes) else {
                report.findings.append(
                    Finding(.producersDamaged, path, "not a snapshot, or its checksum is wrong"))
                continue
            }
            if let reason = state.reason(against: offset) {
                report.findings.append(Finding(.producersDamaged, path, reason))
            }
        }
    }
}

extension ProducerState {
    /// What cannot be of a state before `offset`; nil when nothing is wrong.
    fileprivate func reason(against offset: Int64) -> String? {
        for (id, producer) in producers.sorted(by: { $0.key < $1.key }) {
            for batch in producer.batches
            where batch.lastOffset >= offset || batch.firstOffset > batch.lastOffset {
                return "producer \(id) has offsets \(batch.firstOffset) to \(batch.lastOffset) in "
                    + "a state before \(offset)"
            }
            for (earlier, later) in zip(producer.batches, producer.batches.dropFirst())
            where later.firstOffset <= earlier.lastOffset {
                return "producer \(id) has its batches out of order"
            }
        }
        return nil
    }
}
