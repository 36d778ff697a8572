package import VarveLog
package import VarvePlatform
internal import VarveSimulation

/// Somebody who does with a data directory what a broker does, at random but always the same for
/// the same seed, and tells every event before and after it happens.
package final class Workload {
    private let note: @Sendable (Ledger.Event) -> Void
    private var generator: Generator
    private let disk: any Disk
    private let path: String
    private let commit: CommitMode
    /// Wall clock of the log, ms since 1970.
    package private(set) var now: Int64
    package private(set) var directory: DataDirectory
    private var nextNumber: UInt64
    /// False after a start that failed, until the next one.
    private var isOpen = true

    package static let overrides = [
        "segment.bytes": "3000", "index.interval.bytes": "200", "retention.ms": "60000",
        "retention.bytes": "20000", "segment.ms": "20000",
    ]

    package static let compactedOverrides = [
        "cleanup.policy": "compact", "segment.bytes": "2500", "index.interval.bytes": "200",
        "min.cleanable.dirty.ratio": "0.01", "segment.ms": "20000",
    ]

    /// Opens (and recovers) the directory at `path`.
    /// - Parameter now: where the log's clock begins, ms since 1970.
    /// - Throws: what opening throws.
    package init(
        disk: any Disk, path: String, commit: CommitMode, seed: UInt64, now: Int64,
        note: @escaping @Sendable (Ledger.Event) -> Void
    ) throws(LogError) {
        self.disk = disk
        self.path = path
        self.commit = commit
        self.note = note
        self.now = now
        generator = Generator(seed: seed)
        nextNumber = (seed &* 0x9E37_79B9_7F4A_7C15) >> 1
        directory = try Self.open(disk, path, commit, now: now)
    }

    package static func open(
        _ disk: any Disk, _ path: String, _ commit: CommitMode, now: Int64
    ) throws(LogError) -> DataDirectory {
        var options = DataDirectoryOptions(commit: commit)
        // There are few partitions, and all ways are to be seen: the journal, which is often full,
        // the write-back for all, and syncs one by one.
        options.syncedTogetherMin = 2
        options.journalBytes = 3000
        return try DataDirectory.open(
            path: path, disk: disk, options: options, now: now, logger: nil)
    }

    /// One operation, chosen at random.
    /// - Throws: what the log throws; the log goes on, and so may the caller.
    package func step() throws(LogError) {
        now += Int64(generator.int(0...2000))
        if !isOpen { try restart() }
        switch generator.int(0..<100) {
        case 0..<58: try append()
        case 58..<78: directory.commitNow()
        case 78..<82: directory.tick(now: now + Int64(generator.int(0...1) * 40_000))
        case 82..<84: retain()
        case 84..<87: try compact()
        case 87..<90: try trim()
        case 90..<93: try makeTopic()
        case 93..<94: try deleteTopic()
        case 94..<96: try restart()
        case 96..<98: try reopenPartition()
        default: try readSomething()
        }
    }

    private func anyTopic() -> Topic? { directory.topics.randomElement(using: &generator) }

    private func anyPartition() -> PartitionLog? {
        anyTopic()?.partitions.randomElement(using: &generator)
    }

    package func append() throws(LogError) {
        guard let log = anyPartition() else { return try makeTopic() }
        let topic = log.topic
        let partition = Int(log.partition)
        nextNumber += 1
        // Retries are the damage sweep's subject.
        let batch =
            generator.chance(1, in: 3)
            ? ProofBatch.ofOwnProducer(number: nextNumber, timestamp: now)
            : ProofBatch(number: nextNumber, timestamp: now)
        note(.appending(topic: topic, partition: partition, batch))
        let result = try log.append(batch.bytes, now: now)
        note(
            .appended(
                topic: topic, partition: partition, batch, base: result.baseOffset,
                next: result.lastOffset + 1))
        log.whenDurable(result) { [note] error in
            if error == nil {
                note(
                    .acknowledged(topic: topic, partition: partition, end: result.lastOffset + 1))
            }
        }
    }

    package func retain() {
        // What committer threads do must not come between the plan and the deed.
        if case .threads = commit { directory.commitNow() }
        for action in directory.retentionPlan(now: now) {
            note(
                .trimming(
                    topic: action.topic, partition: Int(action.partition),
                    start: action.nextOffset))
        }
        for action in directory.applyRetention(now: now) {
            note(
                .trimmed(
                    topic: action.topic, partition: Int(action.partition),
                    start: action.nextOffset))
        }
    }

    package func compact() throws(LogError) {
        guard let log = directory.topic("t2")?.partitions.first else { return }
        _ = try log.compact(now: now, memoryMax: 1 << 14)
    }

    package func trim() throws(LogError) {
        guard let log = anyPartition() else { return }
        let target = log.startOffset + (log.durableEnd - log.startOffset) / 2
        note(.trimming(topic: log.topic, partition: Int(log.partition), start: target))
        let start = try log.trim(to: target, now: now)
        note(.trimmed(topic: log.topic, partition: Int(log.partition), start: start))
    }

    package func makeTopic() throws(LogError) {
        let name = "t\(generator.int(0..<3))"
        guard directory.topic(name) == nil else { return }
        // By its name, so that one whose making failed half-way is as large the next time.
        let count = name == "t1" ? 2 : 1
        let isCompacted = name == "t2"
        note(.creating(topic: name, partitions: count, isCompacted: isCompacted))
        try directory.createTopic(
            name, partitions: count,
            overrides: isCompacted ? Self.compactedOverrides : Self.overrides, now: now)
        note(.created(topic: name))
    }

    private func deleteTopic() throws(LogError) {
        guard let topic = anyTopic() else { return }
        note(.deleting(topic: topic.name))
        do throws(LogError) {
            try directory.deleteTopic(topic.name)
        } catch {
            // Still served: then it is certain to be there. Otherwise nobody knows.
            if directory.topic(topic.name) != nil, topic.partitions.allSatisfy(\.isOnline) {
                note(.created(topic: topic.name))
            }
            throw error
        }
        note(.deleted(topic: topic.name))
    }

    /// Clean stop and start.
    package func restart() throws(LogError) {
        var failure: LogError?
        do throws(LogError) {
            try directory.close(now: now)
        } catch {
            failure = error
        }
        isOpen = false
        for topic in directory.topics {
            for log in topic.partitions {
                note(.recovered(topic: topic.name, partition: Int(log.partition)))
            }
        }
        directory = try Self.open(disk, path, commit, now: now)
        isOpen = true
        if let failure { throw failure }
    }

    private func reopenPartition() throws(LogError) {
        guard let log = anyPartition() else { return }
        if log.isOnline, generator.chance(1, in: 2) { return }
        defer { note(.recovered(topic: log.topic, partition: Int(log.partition))) }
        _ = try log.reopen(now: now, readsEverything: generator.chance(1, in: 2))
    }

    private func readSomething() throws(LogError) {
        guard let log = anyPartition(), log.durableEnd > log.startOffset else { return }
        let offset = Int64.random(in: log.startOffset..<log.durableEnd, using: &generator)
        _ = try log.read(from: offset, bytesMax: 1000)
        // What a reader may have seen must stay.
        note(
            .acknowledged(
                topic: log.topic, partition: Int(log.partition), end: log.durableEnd))
    }
}
