internal import VarvePlatform
internal import VarveWire

/// Somebody who keeps topics in view, and is told after each refresh.
struct MetadataWatcher: Sendable {
    var topics: Set<String>
    var allowAutoTopicCreation: Bool
    /// Called without locks, from any thread; must be quick.
    var changed: @Sendable () -> Void
}

extension Cluster {
    /// Asks the cluster for its brokers and for the topics named (nil: all), retrying for the call
    /// timeout. A topic that is not there comes back with an error in its description.
    /// - Parameter allowAutoTopicCreation: a broker that creates topics on first use may do so.
    package func metadata(
        topics: [String]?, allowAutoTopicCreation: Bool = false
    ) async throws(ClientError) -> ClusterMetadata {
        try await retrying { () async throws(ClientError) in
            try await fetchMetadata(topics, allowAutoTopicCreation)
        }
    }

    /// What was last heard of a topic, whatever its age; nil when it was never asked for.
    func knownTopic(_ name: String) -> TopicDescription? {
        state.withLock { $0.topics[name]?.description }
    }

    /// The leader of a partition as last heard; nil when there is none just now.
    func leader(of partition: TopicPartition) -> Int32? {
        state.withLock { state in
            guard let topic = state.topics[partition.topic]?.description,
                let found = topic.partitions.first(where: { $0.partition == partition.partition }),
                found.leader >= 0, state.metadata.broker(found.leader) != nil
            else { return nil }
            return found.leader
        }
    }

    /// The topic with its partitions, asked for until it is there or time is up.
    func topic(
        _ name: String, allowAutoTopicCreation: Bool, timeoutMilliseconds: Int64
    ) async throws(ClientError) -> TopicDescription {
        if let known = knownTopic(name), known.error == .none, !known.partitions.isEmpty {
            return known
        }
        return try await retrying(
            timeoutMilliseconds: timeoutMilliseconds
        ) { () async throws(ClientError) in
            let metadata = try await fetchMetadata([name], allowAutoTopicCreation)
            guard let topic = metadata.topic(name) else {
                throw .kafka(.unknownTopicOrPartition, name)
            }
            guard topic.error == .none else { throw .kafka(topic.error, name) }
            guard !topic.partitions.isEmpty else { throw .kafka(.leaderNotAvailable, name) }
            return topic
        }
    }

    // MARK: - Watching

    func watch(_ watcher: MetadataWatcher) -> UInt64 {
        let number = state.withLock { state in
            state.lastWatcher += 1
            state.watchers[state.lastWatcher] = watcher
            return state.lastWatcher
        }
        scheduleRefresh(number)
        return number
    }

    /// Adds topics to what a watcher keeps in view.
    func watch(_ number: UInt64, topics: Set<String>) {
        state.withLock { $0.watchers[number]?.topics.formUnion(topics) }
    }

    func unwatch(_ number: UInt64) { state.withLock { $0.watchers[number] = nil } }

    /// Asks for the topics in view again, soon, and tells the watchers. Requests while one is under
    /// way become one more.
    func refreshMetadata() {
        let start = state.withLock { state in
            if state.isClosed { return false }
            if state.isRefreshing {
                state.refreshWanted = true
                return false
            }
            state.isRefreshing = true
            return true
        }
        guard start else { return }
        Task { await refresh() }
    }

    private func refresh() async {
        var attempt = 0
        while true {
            let (topics, create) = state.withLock { state -> ([String], Set<String>) in
                state.refreshWanted = false
                let topics = state.watchers.values.reduce(into: Set<String>()) {
                    $0.formUnion($1.topics)
                }
                let create = state.watchers.values.filter(\.allowAutoTopicCreation).reduce(
                    into: Set<String>()) { $0.formUnion($1.topics) }
                return (topics.sorted(), create)
            }
            var failed = false
            do throws(ClientError) {
                let plain = topics.filter { !create.contains($0) }
                if !plain.isEmpty || create.isEmpty { _ = try await fetchMetadata(plain, false) }
                if !create.isEmpty { _ = try await fetchMetadata(create.sorted(), true) }
                attempt = 0
            } catch {
                configuration.logger?.debug("metadata refresh failed", ["error": error])
                failed = true
            }
            attempt += 1
            let (watchers, again, closed) = state.withLock { state in
                (Array(state.watchers.values), state.refreshWanted || failed, state.isClosed)
            }
            if !failed { for watcher in watchers { watcher.changed() } }
            guard again && !closed else { break }
            await loop.sleep(milliseconds: Backoff(configuration).milliseconds(attempt: attempt))
        }
        let wanted = state.withLock { state in
            state.isRefreshing = false
            return state.refreshWanted && !state.isClosed
        }
        if wanted { refreshMetadata() }
    }

    /// How often a topic is asked for that a watcher wants and that is not there.
    private static let missingTopicMilliseconds: Int64 = 1_000

    /// Keeps refreshing while the watcher is there.
    private func scheduleRefresh(_ number: UInt64) {
        // Somebody waits for a topic that is not there yet.
        let isMissing = state.withLock { state in
            state.watchers[number]?.topics.contains {
                state.topics[$0]?.description.error != ErrorCode.none
            } == true
        }
        let pause = configuration.metadataAgeMillisecondsMax
        loop.after(
            milliseconds: isMissing ? min(pause, Self.missingTopicMilliseconds) : pause
        ) { [weak self] in
            guard let self else { return }
            let goOn = state.withLock { !$0.isClosed && $0.watchers[number] != nil }
            guard goOn else { return }
            refreshMetadata()
            scheduleRefresh(number)
        }
    }

    // MARK: - Asking

    /// One metadata request to any broker; keeps what comes back.
    private func fetchMetadata(
        _ topics: [String]?, _ allowAutoTopicCreation: Bool
    ) async throws(ClientError) -> ClusterMetadata {
        var request = MetadataRequest()
        request.topics = topics?.map {
            var topic = MetadataRequest.Topic()
            topic.name = $0
            return topic
        }
        request.allowAutoTopicCreation = allowAutoTopicCreation
        let response = try await send(request, to: .any).response
        guard response.errorCode == .none else { throw .kafka(response.errorCode, "Metadata") }
        let metadata = Self.metadata(response)
        let at = now
        state.withLock { state in
            state.metadata = metadata
            state.metadata.topics = []
            for topic in metadata.topics { state.topics[topic.name] = (topic, at) }
            if topics == nil {
                // All topics were asked for: what did not come is not there any more.
                state.topics = state.topics.filter { $0.value.at == at }
            }
        }
        return metadata
    }

    private static func metadata(_ response: MetadataResponse) -> ClusterMetadata {
        ClusterMetadata(
            clusterID: response.clusterId, controllerID: response.controllerId,
            brokers: response.brokers.map {
                BrokerDescription(
                    id: $0.nodeId, endpoint: Endpoint(host: $0.host, port: Int($0.port)),
                    rack: $0.rack)
            },
            topics: response.topics.compactMap { topic in
                guard let name = topic.name else { return nil }
                return TopicDescription(
                    name: name, id: topic.topicId, isInternal: topic.isInternal,
                    error: topic.errorCode,
                    partitions: topic.partitions.map {
                        PartitionDescription(
                            partition: $0.partitionIndex, error: $0.errorCode,
                            leader: $0.leaderId, leaderEpoch: $0.leaderEpoch,
                            replicas: $0.replicaNodes, inSyncReplicas: $0.isrNodes)
                    }.sorted { $0.partition < $1.partition })
            })
    }
}
