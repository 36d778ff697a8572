package import VarveLog
package import VarvePlatform
internal import VarveSimulation

/// Somebody who does with a data directory what a broker does, at random but always the same for
/// the same seed, and tells every event before and after it happens.
///
/// Several threads may do steps at a time; what comes of that is no longer always the same.
package final class Workload: Sendable {
    private struct State {
        var generator: Generator
        var now: Int64
        var directory: DataDirectory
        var nextNumber: UInt64
        /// False after a start that failed, until the next one.
        var isOpen = true
    }

    /// Who does steps at a time. Some can only be done alone.
    package enum Company: Sendable {
        case alone
        case others
    }

    private let note: @Sendable (Ledger.Event) -> Void
    private let disk: any Disk
    private let path: String
    private let commit: CommitMode
    private let state: Lock<State>
    /// By topic, how many have had the name. Held while an event is told: none is of a topic that
    /// is gone.
    private let lives = Lock<[String: Int]>([:])
    /// By topic and partition. Held from an append until that is told: in the log's own order.
    private let appending = Lock<[String: Lock<Void>]>([:])
    /// Held while a topic is made or deleted.
    private let naming = Lock(())

    package var directory: DataDirectory { state.withLock { $0.directory } }
    /// Wall clock of the log, ms since 1970.
    package var now: Int64 { state.withLock { $0.now } }

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
        state = Lock(
            State(
                generator: Generator(seed: seed), now: now,
                directory: try Self.open(disk, path, commit, now: now),
                nextNumber: (seed &* 0x9E37_79B9_7F4A_7C15) >> 1))
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
    package func step(_ company: Company = .alone) throws(LogError) {
        let (choice, now, isOpen) = state.withLock { state in
            state.now += Int64(state.generator.int(0...2000))
            return (state.generator.int(0..<100), state.now, state.isOpen)
        }
        if !isOpen, company == .alone { try restart() }
        switch choice {
        case 0..<58: try append()
        case 58..<78: directory.commitNow()
        case 78..<82: directory.tick(now: now + (chance(1, in: 2) ? 40_000 : 0))
        case 82..<84: if company == .alone { retain() }
        case 84..<87: try compact()
        case 87..<90: try trim()
        case 90..<93: try makeTopic()
        case 93..<94: try deleteTopic()
        case 94..<96: if company == .alone { try restart() }
        case 96..<98: try reopenPartition()
        case 98..<99: try verifyPartition()
        default: try readSomething()
        }
    }

    private func chance(_ numerator: Int, in denominator: Int) -> Bool {
        state.withLock { $0.generator.chance(numerator, in: denominator) }
    }

    // MARK: What there is

    /// A topic or partition, and which one of its name it is, or is of.
    private typealias Living<Subject> = (subject: Subject, life: Int)

    private func topic(_ name: String) -> Living<Topic>? {
        while true {
            let life = lives.withLock { $0[name] }
            let topic = directory.topic(name)
            // (The name may have gone to another one meanwhile.)
            guard lives.withLock({ $0[name] }) == life else { continue }
            if let topic { return (topic, life ?? 0) }
            return nil
        }
    }

    private func anyTopic() -> Living<Topic>? {
        let directory = directory
        let name = state.withLock { state in
            directory.topics.randomElement(using: &state.generator)?.name
        }
        return name.flatMap(topic)
    }

    private func anyPartition() -> Living<PartitionLog>? {
        guard let (topic, life) = anyTopic() else { return nil }
        let log = state.withLock { topic.partitions.randomElement(using: &$0.generator) }
        return log.map { ($0, life) }
    }

    private func tell(_ event: Ledger.Event, of log: PartitionLog, _ life: Int) {
        tell(event, of: log.topic, life)
    }

    private func tell(_ event: Ledger.Event, of topic: String, _ life: Int) {
        lives.withLock { if $0[topic] ?? 0 == life { note(event) } }
    }

    // MARK: What is done

    package func append() throws(LogError) {
        guard let (log, life) = anyPartition() else { return try makeTopic() }
        let partition = Int(log.partition)
        let lock = appending.withLock { locks in
            let key = "\(log.topic)/\(partition)"
            if let lock = locks[key] { return lock }
            let lock = Lock(())
            locks[key] = lock
            return lock
        }
        try lock.withLock { (_) throws(LogError) in
            let (batch, now) = nextBatch()
            tell(.appending(topic: log.topic, partition: partition, batch), of: log, life)
            let result = try log.append(batch.bytes, now: now)
            tell(
                .appended(
                    topic: log.topic, partition: partition, batch, base: result.baseOffset,
                    next: result.nextOffset), of: log, life)
            log.whenDurable(result) { [self] error in
                guard error == nil else { return }
                tell(
                    .acknowledged(topic: log.topic, partition: partition, end: result.nextOffset),
                    of: log, life)
            }
        }
    }

    private func nextBatch() -> (ProofBatch, now: Int64) {
        state.withLock { state in
            state.nextNumber += 1
            // Retries are the damage sweep's subject.
            let batch =
                state.generator.chance(1, in: 3)
                ? ProofBatch.ofOwnProducer(number: state.nextNumber, timestamp: state.now)
                : ProofBatch(number: state.nextNumber, timestamp: state.now)
            return (batch, state.now)
        }
    }

    /// Alone: nothing that somebody appends must come between the plan and the deed.
    package func retain() {
        // Nor what committer threads do.
        if case .threads = commit { directory.commitNow() }
        let (directory, now) = state.withLock { ($0.directory, $0.now) }
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
        guard let (log, life) = anyPartition() else { return }
        let partition = Int(log.partition)
        let start = log.startOffset
        let target = start + (log.durableEnd - start) / 2
        tell(.trimming(topic: log.topic, partition: partition, start: target), of: log, life)
        let trimmed = try log.trim(to: target, now: now)
        tell(.trimmed(topic: log.topic, partition: partition, start: trimmed), of: log, life)
    }

    package func makeTopic() throws(LogError) {
        let (number, now) = state.withLock { ($0.generator.int(0..<3), $0.now) }
        let name = "t\(number)"
        try naming.withLock { (_) throws(LogError) in
            let directory = directory
            guard directory.topic(name) == nil else { return }
            // By its name, so that one whose making failed half-way is as large the next time.
            let count = name == "t1" ? 2 : 1
            let isCompacted = name == "t2"
            let life = lives.withLock { lives in
                lives[name, default: 0] += 1
                note(.creating(topic: name, partitions: count, isCompacted: isCompacted))
                return lives[name]!
            }
            try directory.createTopic(
                name, partitions: count,
                overrides: isCompacted ? Self.compactedOverrides : Self.overrides, now: now)
            tell(.created(topic: name), of: name, life)
        }
    }

    private func deleteTopic() throws(LogError) {
        try naming.withLock { (_) throws(LogError) in
            guard let (topic, life) = anyTopic() else { return }
            let directory = directory
            tell(.deleting(topic: topic.name), of: topic.name, life)
            do throws(LogError) {
                try directory.deleteTopic(topic.name)
            } catch {
                // Still served: then it is certain to be there. Otherwise nobody knows.
                if directory.topic(topic.name) != nil, topic.partitions.allSatisfy(\.isOnline) {
                    tell(.created(topic: topic.name), of: topic.name, life)
                }
                throw error
            }
            lives.withLock { lives in
                note(.deleted(topic: topic.name))
                lives[topic.name, default: 0] += 1
            }
        }
    }

    /// Clean stop and start, alone.
    package func restart() throws(LogError) {
        let (directory, now) = state.withLock { ($0.directory, $0.now) }
        var failure: LogError?
        do throws(LogError) {
            try directory.close(now: now)
        } catch {
            failure = error
        }
        state.withLock { $0.isOpen = false }
        for topic in directory.topics {
            for log in topic.partitions {
                note(.recovered(topic: topic.name, partition: Int(log.partition)))
            }
        }
        let opened = try Self.open(disk, path, commit, now: now)
        state.withLock { state in
            state.directory = opened
            state.isOpen = true
        }
        if let failure { throw failure }
    }

    private func reopenPartition() throws(LogError) {
        guard let (log, life) = anyPartition() else { return }
        if log.isOnline, chance(1, in: 2) { return }
        defer {
            tell(.recovered(topic: log.topic, partition: Int(log.partition)), of: log, life)
        }
        _ = try log.reopen(now: now, readsEverything: chance(1, in: 2))
    }

    private func verifyPartition() throws(LogError) {
        guard let (log, _) = anyPartition() else { return }
        _ = try log.verify(now: now)
    }

    private func readSomething() throws(LogError) {
        guard let (log, life) = anyPartition() else { return }
        let range = log.startOffset..<max(log.startOffset, log.durableEnd)
        guard !range.isEmpty else { return }
        let offset = state.withLock { Int64.random(in: range, using: &$0.generator) }
        let result = try log.read(from: offset, bytesMax: 1000)
        // What a reader may have seen must stay.
        tell(
            .acknowledged(
                topic: log.topic, partition: Int(log.partition), end: result.durableEnd),
            of: log, life)
    }
}
