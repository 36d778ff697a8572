internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// Reads topics, alone or as a member of a consumer group.
///
/// In a group everything that keeps the membership alive happens in the background, whether
/// somebody polls or not: joining, heartbeats, rebalances (`GroupMembership`). So does fetching
/// ahead (`Consumer+Fetching`). `poll` takes what is there, verifies and decodes it. One `poll` at
/// a time; everything else may overlap. Close it when done: until then its tasks keep it alive.
package final class Consumer: Sendable {
    /// What it was made with.
    package let configuration: ConsumerConfiguration
    let cluster: Cluster
    let fetchLane = Lane.unique()
    let state = Lock(ConsumerState())
    /// Somebody should look for fetches to send.
    let fetchWakeup: Wakeup
    /// Somebody should look for records to return.
    let pollWakeup: Wakeup
    private let membership: GroupMembership?
    private let watcher: UInt64

    /// Joins the group, where there is one with topics, in the background.
    /// - Throws: `.invalid` for a configuration that cannot be.
    package init(
        _ cluster: Cluster, _ configuration: ConsumerConfiguration,
        rebalance: (any RebalanceListener)? = nil
    ) throws(ClientError) {
        try configuration.validate()
        self.cluster = cluster
        self.configuration = configuration
        fetchWakeup = Wakeup(cluster.loop)
        pollWakeup = Wakeup(cluster.loop)
        let membership =
            configuration.topics.isEmpty
            ? nil : GroupMembership(cluster, configuration, listener: rebalance)
        self.membership = membership
        let fetchWakeup = self.fetchWakeup
        watcher = cluster.watch(
            MetadataWatcher(
                topics: Set(configuration.topics),
                allowAutoTopicCreation: configuration.allowAutoTopicCreation,
                changed: {
                    fetchWakeup.wake()
                    membership?.metadataChanged()
                }))
        membership?.start(self, watcher: watcher)
        Task { await self.fetchUntilClosed() }
    }

    // MARK: - Reading

    /// Records that have been fetched, or what comes within the timeout; empty when nothing does.
    /// - Throws: `.records` for a batch that is damaged: it is fetched again, and thrown again if
    ///   it stays so; `.kafka` for what the broker or the group refuses; `.closed`. Other
    ///   partitions' records are not lost by it.
    package func poll(timeoutMilliseconds: Int) async throws(ClientError) -> [FetchedRecords] {
        let deadline = cluster.now + Int64(timeoutMilliseconds)
        while true {
            try throwErrors()
            let fetched = try take()
            let left = deadline - cluster.now
            if !fetched.isEmpty || left <= 0 { return fetched }
            await pollWakeup.wait(milliseconds: left)
        }
    }

    /// The next offset that `poll` will return of a partition; nil when it is not ours or not yet
    /// known.
    package func position(_ partition: TopicPartition) -> Int64? {
        state.withLock { $0.partitions[partition]?.position }
    }

    /// Goes on reading at `offset`. What was fetched ahead is forgotten.
    /// - Throws: `.invalid` when the partition is not ours.
    package func seek(_ partition: TopicPartition, to offset: Int64) throws(ClientError) {
        let isOurs = state.withLock { state in
            guard state.partitions[partition] != nil else { return false }
            state.seek(partition, to: offset)
            return true
        }
        guard isOurs else { throw .invalid("\(partition) is not assigned to this consumer") }
        fetchWakeup.wake()
    }

    /// Returns and fetches nothing of these partitions until `resume`. Unknown ones are ignored.
    package func pause(_ partitions: [TopicPartition]) {
        state.withLock { state in
            for partition in partitions where state.partitions[partition]?.isPaused == false {
                state.partitions[partition]!.isPaused = true
                // A paused partition's records would take room from the others.
                state.clearBuffer(partition)
            }
        }
        fetchWakeup.wake()
    }

    /// Ends a pause: reading goes on at the position. Partitions that are not ours are ignored.
    package func resume(_ partitions: [TopicPartition]) {
        state.withLock { state in
            for partition in partitions { state.partitions[partition]?.isPaused = false }
        }
        fetchWakeup.wake()
    }

    /// What is ours now, sorted.
    package var assignment: [TopicPartition] {
        state.withLock { $0.partitions.keys.sorted() }
    }

    /// Reads exactly these partitions from these offsets, outside any group's assignment. -2 is the
    /// earliest offset and -1 the latest, as in Kafka's protocol.
    /// - Throws: `.invalid` when the consumer subscribes to topics.
    package func assign(_ partitions: [TopicPartition: Int64]) throws(ClientError) {
        guard membership == nil else {
            throw .invalid("a consumer that subscribes to topics gets its partitions by the group")
        }
        cluster.watch(watcher, topics: Set(partitions.keys.map(\.topic)))
        state.withLock { state in
            for partition in state.partitions.keys { state.remove(partition) }
            for (partition, offset) in partitions {
                switch offset {
                case -2: state.add(partition, at: .query(.earliest))
                case -1: state.add(partition, at: .query(.latest))
                default: state.add(partition, at: .at(max(0, offset)))
                }
            }
        }
        fetchWakeup.wake()
    }

    // MARK: - Offsets

    /// Commits offsets for the group: each the next one to be read. Durable on return.
    /// - Throws: `.kafka(.illegalGeneration, …)` and the like when the group has moved on: somebody
    ///   else may own the partitions now, and will read them again from the last commit.
    package func commit(_ offsets: [TopicPartition: Int64]) async throws(ClientError) {
        guard let groupID = configuration.groupID else {
            throw .invalid("a consumer without a group commits nothing")
        }
        if offsets.isEmpty { return }
        // Between join and sync the group takes no commits for a moment. As long as the partitions
        // are ours it is worth another try, under the new generation.
        try await cluster.retrying(
            alsoOn: [.rebalanceInProgress]
        ) { () async throws(ClientError) in
            let identity = try membership?.identity(owning: offsets.keys)
            try await cluster.commitOffsets(of: groupID, offsets, as: identity)
        }
    }

    /// The group's committed offsets; partitions without one are left out.
    package func committed(
        _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        guard let groupID = configuration.groupID else {
            throw .invalid("a consumer without a group has no committed offsets")
        }
        let offsets = try await cluster.retrying { () async throws(ClientError) in
            try await cluster.fetchOffsets(
                of: groupID, partitions, requireStable: configuration.isolation == .readCommitted)
        }
        return offsets.mapValues(\.offset)
    }

    /// Has `revoked` called for what is ours, leaves the group and ends the background work. A
    /// `poll` that waits throws `.closed`.
    package func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        pollWakeup.wake()
        cluster.unwatch(watcher)
        await membership?.stop()
        fetchWakeup.wake()
        cluster.loop.close(fetchLane)
        state.withLock { state in
            for partition in state.partitions.keys { state.remove(partition) }
        }
    }
}

extension ConsumerConfiguration {
    func validate() throws(ClientError) {
        if groupID?.isEmpty == true { throw .invalid("the group's name is empty") }
        if groupID == nil && !topics.isEmpty {
            throw .invalid("subscribing to topics needs a group")
        }
        if assignors.isEmpty { throw .invalid("a consumer needs an assignor") }
        guard heartbeatIntervalMilliseconds > 0,
            heartbeatIntervalMilliseconds < sessionTimeoutMilliseconds
        else { throw .invalid("heartbeats must come within the session timeout") }
        guard fetchBytesMax > 0, partitionBytesMax > 0, prefetchBytesMax > 0, pollRecordsMax > 0,
            pollBytesMax > 0, fetchWaitMilliseconds >= 0, fetchBytesMin >= 0,
            batchDecompressedBytesMax > 0
        else { throw .invalid("sizes and counts must be positive") }
    }
}
