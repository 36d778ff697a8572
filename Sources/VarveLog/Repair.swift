package import VarvePlatform

/// Runs recovery over a whole stopped data directory, reading everything: on a copy-on-write view
/// first, to say what it would do, and then in earnest. Both are the same code.
package struct Repair: Sendable {
    /// Where a partition stands afterwards.
    package struct Partition: Equatable, Sendable {
        package let topic: String
        package let partition: Int32
        package let startOffset: Int64
        package let endOffset: Int64
        package let byteCount: Int64
        package let isOnline: Bool
    }

    package struct Report: Sendable {
        package let recovery: RecoveryReport
        package let partitions: [Partition]

        /// Nothing was wrong anywhere.
        package var isClean: Bool {
            recovery.notes.isEmpty
                && recovery.partitions.allSatisfy {
                    $0.damages.isEmpty && $0.notes.isEmpty && $0.failure == nil
                }
        }
    }

    let path: String
    let disk: any Disk
    let options: DataDirectoryOptions
    let now: Int64

    /// - Parameter now: wall clock, ms since 1970.
    package init(path: String, disk: any Disk, options: DataDirectoryOptions, now: Int64) {
        self.path = path
        self.disk = disk
        var options = options
        options.commit = .manual
        options.readsEverything = true
        self.options = options
        self.now = now
    }

    /// What `execute` would do; the disk is not changed. Holds the directory's lock meanwhile.
    /// - Parameter scratch: an empty file for what recovery writes.
    /// - Throws: `.directoryLocked`, `.newerFormat`, `.corrupt` (meta.json, producer-ids), `.io`,
    ///   `.full` (the scratch file's disk).
    package func plan(scratch: any DiskFile) throws(LogError) -> Report {
        try run(OverlayDisk(over: disk, scratch: scratch))
    }

    /// Recovers the directory and leaves it cleanly stopped.
    /// - Throws: as `plan`.
    package func execute() throws(LogError) -> Report { try run(disk) }

    private func run(_ disk: any Disk) throws(LogError) -> Report {
        do throws(SystemError) {
            // Opening would make a new directory; there is nothing to repair in that.
            guard try disk.entry(path + "/topics") == .directory else {
                throw SystemError(
                    call: "open", errno: SystemError.enoent, subject: path + "/topics")
            }
        } catch {
            throw .io(error)
        }
        let directory = try DataDirectory.open(
            path: path, disk: disk, options: options, now: now, logger: nil)
        let partitions = directory.topics.flatMap { topic in
            topic.partitions.map { log in
                Partition(
                    topic: log.topic, partition: log.partition, startOffset: log.startOffset,
                    endOffset: log.endOffset, byteCount: log.byteCount, isOnline: log.isOnline)
            }
        }
        directory.commitNow()
        try directory.close(now: now)
        return Report(recovery: directory.recovery, partitions: partitions)
    }
}

extension Repair.Report {
    /// One document for programs.
    package var json: JSON {
        func object(_ damage: Damage) -> JSON {
            .object([
                ("kind", .string(damage.kind.rawValue)), ("path", .string(damage.path)),
                ("position", .int(damage.position)), ("bytes", .int(damage.byteCount)),
                ("firstOffset", .int(damage.firstOffset)),
                ("nextOffset", .int(damage.nextOffset)),
                ("quarantine", damage.quarantine.isEmpty ? .null : .string(damage.quarantine)),
            ])
        }
        let found = recovery.partitions.map { report -> JSON in
            let there = partitions.first {
                $0.topic == report.topic && $0.partition == report.partition
            }
            return .object([
                ("topic", .string(report.topic)), ("partition", .int(Int64(report.partition))),
                ("damages", .array(report.damages.map(object))),
                ("notes", .array(report.notes.map { .string($0) })),
                ("failure", report.failure.map { .string("\($0)") } ?? .null),
                ("startOffset", there.map { .int($0.startOffset) } ?? .null),
                ("endOffset", there.map { .int($0.endOffset) } ?? .null),
                ("bytes", there.map { .int($0.byteCount) } ?? .null),
            ])
        }
        return .object([
            ("clean", .bool(isClean)), ("notes", .array(recovery.notes.map { .string($0) })),
            ("bytesScanned", .int(recovery.bytesScanned)), ("partitions", .array(found)),
        ])
    }

    /// The damages and what is done about each, for people; what is well is only counted.
    package var text: String {
        var lines: [String] = recovery.notes
        for report in recovery.partitions {
            let name = "\(report.topic)-\(report.partition)"
            for damage in report.damages {
                lines.append(
                    "\(name)  \(damage.kind.rawValue)  \(damage.path) position "
                        + "\(damage.position), \(damage.byteCount) bytes"
                        + Self.offsets(damage)
                        + (damage.quarantine.isEmpty
                            ? "; the bytes are not there any more"
                            : "; set aside in \(damage.quarantine)"))
            }
            lines += report.notes.map { "\(name)  \($0)" }
            if let failure = report.failure { lines.append("\(name)  stays offline: \(failure)") }
            let there = partitions.first {
                $0.topic == report.topic && $0.partition == report.partition
            }
            if let there, !report.damages.isEmpty || !report.notes.isEmpty {
                lines.append(
                    "\(name)  keeps offsets \(there.startOffset) to before \(there.endOffset), "
                        + "\(there.byteCount) bytes")
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func offsets(_ damage: Damage) -> String {
        guard damage.nextOffset > damage.firstOffset else {
            return ", no offset that was acknowledged"
        }
        return damage.nextOffset == damage.firstOffset + 1
            ? ", offset \(damage.firstOffset)"
            : ", offsets \(damage.firstOffset) to \(damage.nextOffset - 1)"
    }
}
