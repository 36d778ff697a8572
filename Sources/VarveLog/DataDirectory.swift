package import VarvePlatform

/// A directory of topics, held by one process.
///
///     <path>/varve.lock             locked, and names the holder
///     <path>/meta.json              format, cluster id, node id
///     <path>/producer-ids           the next block of producer ids
///     <path>/<state file>           what the broker itself must remember, see `StateFile`
///     <path>/topics/<topic>/        topic.json and one directory for each partition
///     <path>/journal/               what segments still have to be synced for, see `Journal`
///     <path>/quarantine/            what recovery and healing set aside
///     <path>/scrub                  how far the scrubber is
///     <path>/clean-stop             between a clean stop and the next start
///
/// All verbs may be called from any thread.
package final class DataDirectory: Sendable {
    package let path: String
    package let clusterID: String
    package let nodeID: Int32
    /// What the last `open` found.
    package let recovery: RecoveryReport

    let options: DataDirectoryOptions
    let store: LogStore
    /// Held while the directory is in use; nil once it is closed.
    private let lockFile: Lock<(any DiskFile)?>
    private let producerIDs: ProducerIDs
    private let registry: Lock<Registry>
    /// Held while topics are made, changed or deleted, one at a time.
    private let changes = Lock<Void>(())
    /// What topics use where they set nothing themselves.
    private let defaults: Lock<TopicConfiguration>

    private struct Registry {
        var byName: [String: Topic] = [:]
        var byID: [UniqueID: Topic] = [:]
        var metricNames = MetricNames()
        /// Of all topics. Counted along: with thousands of topics a sum for each new one is slow.
        var partitionCount = 0
        var isClosed = false
        /// No topic is made, changed or deleted any more.
        var refusesChanges = false
    }

    private init(
        path: String, meta: DirectoryMeta, recovery: RecoveryReport, topics: [Topic],
        options: DataDirectoryOptions, store: LogStore, lockFile: any DiskFile,
        producerIDs: ProducerIDs
    ) {
        self.path = path
        clusterID = "\(meta.clusterID)"
        nodeID = meta.nodeID
        self.recovery = recovery
        self.options = options
        defaults = Lock(options.topicDefaults)
        self.store = store
        self.lockFile = Lock(lockFile)
        self.producerIDs = producerIDs
        var registry = Registry()
        for topic in topics {
            registry.byName[topic.name] = topic
            registry.metricNames.insert(topic.name)
            registry.byID[topic.id] = topic
            registry.partitionCount += topic.partitions.count
        }
        self.registry = Lock(registry)
    }

    deinit {
        store.commit.abandon()
        store.journal.abandon()
        store.scrubber.abandon()
    }

    /// Locks the directory (made when missing), and recovers every partition in it.
    ///
    /// A partition that cannot be recovered (a sick disk, no space to set damage aside) comes up
    /// offline and is reported; the others are unharmed.
    /// - Parameter now: wall clock, ms since 1970.
    /// - Throws: `.directoryLocked`, `.newerFormat`, `.corrupt` (meta.json), `.io`, `.full`.
    package static func open(
        path: String, disk: any Disk, options: DataDirectoryOptions, now: Int64, logger: Logger?
    ) throws(LogError) -> DataDirectory {
        do throws(SystemError) {
            try disk.createDirectory(path)
            // Until meta.json is there the directory's own name may not be durable.
            if try disk.entry(path + "/meta.json") == nil {
                try disk.syncDirectory(Self.parent(of: path))
            }
        } catch {
            throw LogError(error)
        }
        let lockFile = try DirectoryLock.take(path + "/varve.lock", disk, now: now)
        let meta = try DirectoryMeta.loadOrMake(path, disk, nodeID: options.nodeID)
        let isAfterCleanStop: Bool
        do throws(SystemError) {
            isAfterCleanStop = try CleanStop.take(from: path, disk)
            try disk.createDirectory(path + "/topics")
            try disk.createDirectory(path + "/quarantine")
            try disk.syncDirectory(path)
        } catch {
            throw LogError(error)
        }
        let producerIDs = try ProducerIDs(
            path: path + "/producer-ids", directory: path, disk: disk, now: now, logger: logger)
        let reserve = DiskReserve(
            directory: path, disk: disk, bytesMax: options.reserveBytes ?? 0, logger: logger)
        if options.reserveBytes != nil { reserve.open() }
        let health = LogHealth()
        let commit: GroupCommit
        let journal: Journal
        do throws(SystemError) {
            journal = try Journal(
                in: path, disk: disk, bytesMax: options.journalBytes,
                holdersMax: options.openFilesMax / 4, logger: logger)
            // Before anything is written there: it hears of what fails from now on.
            let sharedSync = try SharedSync(
                disk, path: path, filesMin: options.syncedTogetherMin,
                openFilesMax: options.openFilesMax, isTimed: !options.commit.isManual)
            commit = GroupCommit(options.commit, sharedSync, journal)
        } catch {
            throw LogError(error)
        }
        let store = LogStore(
            disk: disk, reserve: reserve, openFilesMax: options.openFilesMax,
            commit: commit, logger: logger, health: health,
            scrubber: Scrubber(disk: disk, directory: path, health: health),
            journal: journal, quarantine: path + "/quarantine",
            producerExpiryMilliseconds: options.producerExpiryMilliseconds)
        store.quota.setLimit(options.quotaBytes)
        do throws(LogError) {
            var (topics, report) = try TopicDirectory.openAll(
                path + "/topics", store: store, options: options,
                isAfterCleanStop: isAfterCleanStop, now: now)
            report.notes += journal.endRecovery(
                failed: topics.flatMap(\.partitions).filter { !$0.isOnline },
                quarantine: Quarantine(disk: store.disk, directory: store.quarantine), now: now)
            return DataDirectory(
                path: path, meta: meta, recovery: report, topics: topics, options: options,
                store: store, lockFile: lockFile, producerIDs: producerIDs)
        } catch {
            store.commit.stop()
            throw error
        }
    }

    private static func parent(of path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    // MARK: Topics

    /// Whether `name` may name a topic: 1 to 249 of `a-zA-Z0-9._-`, and not `.` or `..`.
    package static func isValidTopicName(_ name: String) -> Bool { TopicName.isValid(name) }

    package func topic(_ name: String) -> Topic? { registry.withLock { $0.byName[name] } }
    package func topic(id: UniqueID) -> Topic? { registry.withLock { $0.byID[id] } }

    /// All topics, sorted by name.
    package var topics: [Topic] {
        registry.withLock { Array($0.byName.values) }.sorted { $0.name < $1.name }
    }

    /// Makes a topic; durable on return.
    /// - Throws: `.invalidTopicName`, `.topicExists`, `.topicCollides`, `.invalidPartitionCount`,
    ///   `.invalidConfiguration`, `.full`, `.io`, `.closed`; there is no topic then. (After a
    ///   failed sync, `.io`, nobody can say what the disk has: the next start may find it.)
    @discardableResult
    package func createTopic(
        _ name: String, partitions: Int, overrides: [String: String] = [:], now: Int64
    ) throws(LogError) -> Topic {
        let made = createTopics(
            [NewTopic(name: name, partitions: partitions, overrides: overrides)], now: now)
        return try made[0].get()
    }

    /// Makes topics, which is faster than one after another: what they wait for overlaps. Each
    /// is durable on return, or failed with the error that `createTopic` would throw.
    package func createTopics(
        _ topics: [NewTopic], now: Int64
    ) -> [Result<Topic, LogError>] {
        var outcomes: [Result<Topic, LogError>] = []
        var rest = topics[...]
        while !rest.isEmpty {
            // Not all at once: others that wait to change something come in between.
            let group = Array(rest.prefix(Self.topicsAtOnce))
            rest = rest.dropFirst(group.count)
            outcomes += changes.withLock { _ in createGroup(group) }
        }
        return outcomes
    }

    /// Whether a new topic may have that name.
    /// - Throws: `.invalidTopicName`, `.topicExists`, `.topicCollides` where it may not.
    package func checkName(_ name: String) throws(LogError) {
        guard TopicName.isValid(name) else { throw .invalidTopicName(name) }
        guard topic(name) == nil else { throw .topicExists(name) }
        if let other = registry.withLock({ $0.metricNames.collision(with: name) }) {
            throw .topicCollides(name, with: other)
        }
    }

    /// Topics that share a sync of the directory they are in.
    private static let topicsAtOnce = 64

    private func createGroup(_ topics: [NewTopic]) -> [Result<Topic, LogError>] {
        var outcomes: [Result<Topic, LogError>?] = []
        var plans: [TopicDirectory.Plan] = []
        var names: Set<String> = []
        var metricNames = MetricNames()
        var adding = 0
        for topic in topics {
            do throws(LogError) {
                let plan = try self.plan(topic, adding: adding)
                guard names.insert(plan.name).inserted else { throw .topicExists(plan.name) }
                if let other = metricNames.collision(with: plan.name) {
                    throw .topicCollides(plan.name, with: other)
                }
                metricNames.insert(plan.name)
                adding += plan.partitions
                plans.append(plan)
                outcomes.append(nil)
            } catch {
                outcomes.append(.failure(error))
            }
        }
        var made = TopicDirectory.create(
            plans, in: path + "/topics", store: store, workers: options.workersInForce,
            isStopping: { [registry] in registry.withLock { $0.refusesChanges } }
        )[...]
        registry.withLock { registry in
            for case .success(let topic) in made {
                registry.byName[topic.name] = topic
                registry.metricNames.insert(topic.name)
                registry.byID[topic.id] = topic
                registry.partitionCount += topic.partitions.count
            }
        }
        return outcomes.map { outcome in outcome ?? made.removeFirst() }
    }

    private func plan(
        _ topic: NewTopic, adding: Int
    ) throws(LogError) -> TopicDirectory.Plan {
        try checkOpen()
        try checkName(topic.name)
        // The reserve is not for new topics, of which a client could make thousands.
        if !TopicName.isInternal(topic.name) { try store.reserve.admit() }
        try checkPartitionCount(topic.partitions, adding: topic.partitions, beside: adding)
        return TopicDirectory.Plan(
            name: topic.name, partitions: topic.partitions,
            configuration: try TopicConfiguration(
                overrides: topic.overrides, defaults: topicDefaults))
    }

    /// Deletes a topic with its records; durable on return. Readers in flight finish.
    /// - Throws: `.unknownTopic`, `.closed`; `.io`: the topic is still there, offline where its
    ///   files may be gone at the next start.
    package func deleteTopic(_ name: String) throws(LogError) {
        try changes.withLock { (_) throws(LogError) in
            try checkOpen()
            guard let topic = topic(name) else { throw .unknownTopic(name) }
            try TopicDirectory.markDeleted(topic, in: path + "/topics", store: store)
            registry.withLock { registry in
                registry.byName[name] = nil
                registry.metricNames.remove(name)
                registry.byID[topic.id] = nil
                registry.partitionCount -= topic.partitions.count
            }
            for partition in topic.partitions { partition.delete() }
            TopicDirectory.removeDeleted(
                topic, in: path + "/topics", store: store,
                isStopping: { registry.withLock { $0.refusesChanges } })
        }
    }

    /// Gives a topic more partitions, `total` in all; durable on return.
    /// - Throws: `.unknownTopic`, `.invalidPartitionCount`, `.full`, `.io`, `.closed`.
    package func addPartitions(_ name: String, total: Int) throws(LogError) {
        try changes.withLock { (_) throws(LogError) in
            try checkOpen()
            guard let topic = topic(name) else { throw .unknownTopic(name) }
            let count = topic.partitions.count
            guard total > count else {
                throw .invalidPartitionCount(total, reason: "there are \(count) already")
            }
            if !TopicName.isInternal(name) { try store.reserve.admit() }
            try checkPartitionCount(total, adding: total - count)
            try TopicDirectory.addPartitions(
                topic, total: total, store: store,
                isStopping: { registry.withLock { $0.refusesChanges } })
            registry.withLock { $0.partitionCount += total - count }
        }
    }

    /// Replaces what the topic sets itself; durable on return, in force at once.
    /// - Throws: `.unknownTopic`, `.invalidConfiguration`, `.full`, `.io`, `.closed`.
    package func setConfiguration(
        _ name: String, overrides: [String: String]
    ) throws(LogError) {
        try changes.withLock { (_) throws(LogError) in
            try checkOpen()
            guard let topic = topic(name) else { throw .unknownTopic(name) }
            let configuration = try TopicConfiguration(
                overrides: overrides, defaults: topicDefaults)
            try TopicDirectory.write(
                TopicDescription(
                    id: topic.id, partitionCount: topic.partitions.count, overrides: overrides),
                in: topic.directory, store.disk)
            topic.configure(configuration)
        }
    }

    /// What topics use where they set nothing themselves.
    package var topicDefaults: TopicConfiguration { defaults.withLock { $0 } }

    /// Changes that, for all topics, at once. It is not kept: `open` is told it again.
    package func setTopicDefaults(_ configuration: TopicConfiguration) {
        changes.withLock { _ in
            defaults.withLock { $0 = configuration }
            for topic in topics { topic.configure(topic.configuration.on(configuration)) }
        }
    }

    /// Changes how many bytes all topics together may have; nil for any number. Not kept either.
    package func setQuota(_ bytes: Int64?) { store.quota.setLimit(bytes) }

    private func checkOpen() throws(LogError) {
        if registry.withLock({ $0.isClosed || $0.refusesChanges }) { throw .closed }
    }

    /// No topic is made, changed or deleted from now on: that fails with `.closed`. What is under
    /// way ends at the next partition, so that a stop need not wait for thousands of them.
    package func refuseChanges() { registry.withLock { $0.refusesChanges = true } }

    private func checkPartitionCount(
        _ count: Int, adding: Int, beside others: Int = 0
    ) throws(LogError) {
        guard count >= 1 else {
            throw .invalidPartitionCount(count, reason: "a topic has at least one")
        }
        let there = registry.withLock { $0.partitionCount } + others
        // (Subtracted: the sum could overflow.)
        guard adding <= options.partitionsMax - there else {
            throw .invalidPartitionCount(
                count, reason: "there are \(there) of at most \(options.partitionsMax)")
        }
    }

    // MARK: Time

    /// A producer id that was never given out before, over restarts too.
    /// - Throws: `.full`, `.io` when the next block of ids cannot be reserved on disk.
    package func nextProducerID() throws(LogError) -> Int64 { try producerIDs.next() }

    /// Deletes the segments that no topic's retention keeps; returns what it did.
    @discardableResult
    package func applyRetention(now: Int64) -> [RetentionAction] {
        topics.flatMap { topic in
            topic.partitions.flatMap { $0.applyRetention(now: now) }
        }
    }

    /// What `applyRetention` would do at `now`.
    package func retentionPlan(now: Int64) -> [RetentionAction] {
        topics.flatMap { topic in
            topic.partitions.flatMap { $0.retentionPlan(now: now) }
        }
    }

    /// Does what time asks for: closes old segments, marks quiet partitions, lets go of what idle
    /// ones hold. Call it about once a second.
    package func tick(now: Int64) {
        let topics = topics
        var counts: [(partition: PartitionLog, count: Int)] = []
        for topic in topics {
            for partition in topic.partitions {
                partition.tick(now: now)
                counts.append((partition, partition.producerCount))
            }
        }
        forgetProducers(counts)
        store.reserve.tick()
        let percent = options.quotaWarningPercent
        store.quota.tick(warningPercent: percent, logger: store.logger)
        for topic in topics {
            topic.store.admission.topic.tick(warningPercent: percent, logger: store.logger)
        }
    }

    /// Keeps what all partitions remember of producers within `producersMax` (I8): whoever has
    /// more than a level that all would fit under comes down to it.
    private func forgetProducers(_ counts: [(partition: PartitionLog, count: Int)]) {
        guard counts.reduce(0, { $0 + $1.count }) > options.producersMax else { return }
        var room = options.producersMax
        var left = counts.count
        for (partition, count) in counts.sorted(by: { $0.count < $1.count }) {
            let share = room / left
            if count > share { partition.forgetProducers(count - share) }
            room -= min(count, share)
            left -= 1
        }
    }

    /// How the directory's space and files stand.
    package var storage: StorageStatus {
        StorageStatus(
            bytes: store.quota.bytes, quotaBytes: store.quota.bytesMax,
            quotaLevel: store.quota.level, isFull: store.reserve.isFull,
            reserveBytes: store.reserve.bytes, reserveBytesMax: store.reserve.bytesMax,
            fullRefusals: store.reserve.refusals,
            quotaRefusals: topics.reduce(store.quota.refusals) {
                $0 + $1.store.admission.topic.refusals
            }, openFiles: store.files.cache.count, openFilesMax: store.files.cache.filesMax)
    }

    /// Makes everything appended so far durable before it returns.
    package func commitNow() { store.commit.commitNow() }

    /// Makes everything durable, leaves the clean-stop marks and unlocks the directory. Appends
    /// and reads fail with `.closed` from then on.
    /// - Throws: the first failure; the other partitions are closed all the same.
    package func close(now: Int64) throws(LogError) {
        let isFirst = registry.withLock { registry in
            defer { registry.isClosed = true }
            return !registry.isClosed
        }
        guard isFirst else { return }
        refuseChanges()
        let partitions = topics.flatMap(\.partitions)
        for partition in partitions { partition.refuseAppends() }
        store.commit.commitNow()
        store.commit.enqueue(store.journal.stop().filter { $0.requestSync() })
        store.commit.commitNow()
        let failures = Workers.map(partitions.count, threads: options.workersInForce) {
            index -> LogError? in
            do throws(LogError) {
                try partitions[index].close()
                return nil
            } catch {
                return error
            }
        }
        var failure = failures.lazy.compactMap { $0 }.first
        store.commit.stop()
        store.journal.removeFiles()
        if failure == nil, partitions.allSatisfy({ $0.isClosed }) { leaveCleanStop() }
        // The lock goes with its file: a broker in the same process may open the directory next.
        do throws(SystemError) {
            try lockFile.withLock { (file) throws(SystemError) in
                try file?.truncate(to: 0)
                file = nil
            }
        } catch {
            failure = failure ?? .io(error)
        }
        if let failure { throw failure }
    }

    private func leaveCleanStop() {
        do throws(SystemError) {
            try CleanStop.leave(in: path, store.disk)
        } catch {
            // The next start has a little more to do.
            store.logger?.warning("clean stop not noted", ["cause": "\(error)"])
        }
    }
}
