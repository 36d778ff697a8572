internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

// Fetches ahead of `poll`: one request at a time to each leader, for all partitions there that have
// a position, as long as there is room.

extension Consumer {
    /// Runs from init to close.
    func fetchUntilClosed() async {
        while true {
            let now = cluster.now
            guard let plan = state.withLock({ self.plan(&$0, now: now) }) else { return }
            for fetch in plan.fetches { Task { await self.run(fetch) } }
            if !plan.committed.isEmpty {
                Task { await self.lookUpCommitted(plan.committed) }
            }
            for (broker, queries) in plan.queries {
                Task { await self.lookUp(queries, from: broker) }
            }
            if plan.lacksLeader { cluster.refreshMetadata() }
            await fetchWakeup.wait(milliseconds: plan.next.map { max(1, $0 - now) })
        }
    }

    private struct Plan {
        var fetches: [Fetch] = []
        var committed: [TopicPartition: UInt64] = [:]
        var queries: [Int32: [TopicPartition: (version: UInt64, query: OffsetQuery)]] = [:]
        var lacksLeader = false
        /// When to look again without being woken.
        var next: Int64?
    }

    private struct Fetch: Sendable {
        let broker: Int32
        var bytesMax: Int
        var partitions: [TopicPartition: (version: UInt64, offset: Int64)] = [:]
    }

    /// What to do now; nil when the consumer is closed. What is planned is marked as under way.
    private func plan(_ state: inout ConsumerState, now: Int64) -> Plan? {
        if state.isClosed || cluster.isClosed { return nil }
        var plan = Plan()
        var fetches: [Int32: Fetch] = [:]
        let room = configuration.prefetchBytesMax - state.bufferedBytes
        for (partition, current) in state.partitions {
            guard !current.isRevoking, !current.isUnannounced, !current.isFetching,
                !current.isLookingUp
            else { continue }
            guard current.retryAt <= now else {
                plan.next = min(plan.next ?? .max, current.retryAt)
                continue
            }
            if current.start == .committed {
                guard !state.isLookingUpCommitted else { continue }
                plan.committed[partition] = current.version
                state.partitions[partition]!.isLookingUp = true
                continue
            }
            if case .at = current.start, current.isPaused || room <= 0 { continue }
            guard let leader = cluster.leader(of: partition) else {
                plan.lacksLeader = true
                state.partitions[partition]!.failed(now: now, Backoff(cluster.configuration))
                plan.next = min(plan.next ?? .max, state.partitions[partition]!.retryAt)
                continue
            }
            switch current.start {
            case .committed: continue
            case .query(let query):
                plan.queries[leader, default: [:]][partition] = (current.version, query)
                state.partitions[partition]!.isLookingUp = true
            case .at:
                guard !state.fetching.contains(leader) else { continue }
                fetches[leader, default: Fetch(broker: leader, bytesMax: 0)]
                    .partitions[partition] = (current.version, current.fetchPosition)
                state.partitions[partition]!.isFetching = true
            }
        }
        if !plan.committed.isEmpty { state.isLookingUpCommitted = true }
        state.fetching.formUnion(fetches.keys)
        // What is under way comes on top of what is buffered; shared among the brokers it is at
        // most as much again.
        let share = configuration.prefetchBytesMax / max(1, state.fetching.count)
        plan.fetches = fetches.values.map {
            var fetch = $0
            fetch.bytesMax = max(1, min(configuration.fetchBytesMax, share))
            return fetch
        }
        return plan
    }

    // MARK: - One fetch

    private func run(_ fetch: Fetch) async {
        var request = FetchRequest()
        request.maxWaitMs = Int32(clamping: configuration.fetchWaitMilliseconds)
        request.minBytes = Int32(clamping: configuration.fetchBytesMin)
        request.maxBytes = Int32(clamping: fetch.bytesMax)
        request.isolationLevel = configuration.isolation.rawValue
        // Brokers fill a response in the order asked; a new order each time starves nobody.
        let byTopic = Dictionary(grouping: fetch.partitions.shuffled(), by: \.key.topic)
        request.topics = byTopic.shuffled().map { name, members in
            var topic = FetchRequest.Topic()
            topic.topic = name
            topic.partitions = members.map {
                var partition = FetchRequest.Partition()
                partition.partition = $0.key.partition
                partition.fetchOffset = $0.value.offset
                partition.partitionMaxBytes = Int32(clamping: configuration.partitionBytesMax)
                return partition
            }
            return topic
        }
        do throws(ClientError) {
            // Version 13 names topics by id only. Without a fetch session (KIP-227) every request
            // is complete in itself.
            let response = try await cluster.send(
                request, to: .broker(fetch.broker), lane: fetchLane, versionMax: 12,
                timeoutMilliseconds: configuration.fetchWaitMilliseconds
                    + cluster.configuration.requestTimeoutMilliseconds
            ).response
            guard response.errorCode == .none else {
                throw .kafka(response.errorCode, "fetch from broker \(fetch.broker)")
            }
            accept(response, of: fetch)
        } catch {
            refused(fetch, error)
        }
        pollWakeup.wake()
        fetchWakeup.wake()
    }

    private func accept(_ response: FetchResponse, of fetch: Fetch) {
        let now = cluster.now
        var needsMetadata = false
        state.withLock { state in
            state.finished(fetch.broker, fetch.partitions.mapValues(\.version))
            for topic in response.responses {
                for answer in topic.partitions {
                    let target = TopicPartition(
                        topic: topic.topic, partition: answer.partitionIndex)
                    guard let sent = fetch.partitions[target],
                        state.partitions[target]?.version == sent.version,
                        state.partitions[target]?.fetchPosition == sent.offset
                    else { continue }
                    if answer.errorCode == .none {
                        accept(answer, at: sent.offset, target, &state, now: now)
                    } else {
                        let retries = judge(answer.errorCode, target, &state, now: now)
                        needsMetadata = needsMetadata || retries
                    }
                }
            }
        }
        if needsMetadata { cluster.refreshMetadata() }
    }

    private func accept(
        _ answer: FetchResponse.Partition, at offset: Int64, _ target: TopicPartition,
        _ state: inout ConsumerState, now: Int64
    ) {
        state.partitions[target]!.highWatermark = answer.highWatermark
        let batches = FetchedBatches(answer, isolation: configuration.isolation)
        guard !batches.isEmpty else {
            state.partitions[target]!.succeeded()
            return
        }
        if let next = batches.nextOffset {
            guard next > offset else {
                // It would be asked for again and again.
                state.report(
                    .records(.inconsistent("\(target): batches that end at or before \(offset)")))
                state.partitions[target]!.failed(now: now, Backoff(cluster.configuration))
                return
            }
            state.partitions[target]!.fetchPosition = next
        }
        if batches.stop != nil {
            // Not before somebody has seen why: `poll` clears the buffer when it throws.
            state.partitions[target]!.failed(now: now, Backoff(cluster.configuration))
        } else {
            state.partitions[target]!.succeeded()
        }
        state.partitions[target]!.buffer.append(batches)
        state.partitions[target]!.bufferedBytes += batches.byteCount
        state.bufferedBytes += batches.byteCount
    }

    /// What an error of one partition means; true when fresh metadata may help.
    private func judge(
        _ code: ErrorCode, _ target: TopicPartition, _ state: inout ConsumerState, now: Int64
    ) -> Bool {
        state.partitions[target]!.failed(now: now, Backoff(cluster.configuration))
        if code == .offsetOutOfRange {
            // What is in the buffer is still good and comes first.
            guard state.partitions[target]!.buffer.isEmpty else { return false }
            let offset = state.partitions[target]!.fetchPosition
            cluster.configuration.logger?.warning(
                "offset out of range", ["partition": target, "offset": offset])
            reset(target, "offset \(offset)", &state)
            return false
        }
        if code.isRetriable { return true }
        state.report(.kafka(code, "fetch of \(target)"))
        return false
    }

    /// Starts a partition by the reset policy, because there is no offset, or none that is there.
    func reset(_ target: TopicPartition, _ what: String, _ state: inout ConsumerState) {
        switch configuration.autoOffsetReset {
        case .earliest: state.partitions[target]!.start = .query(.earliest)
        case .latest: state.partitions[target]!.start = .query(.latest)
        case .error:
            state.report(.kafka(.offsetOutOfRange, "\(target): \(what)"))
        }
    }

    private func refused(_ fetch: Fetch, _ error: ClientError) {
        let now = cluster.now
        let isOver = state.withLock { state in
            state.finished(fetch.broker, fetch.partitions.mapValues(\.version))
            for (partition, sent) in fetch.partitions
            where state.partitions[partition]?.version == sent.version {
                state.partitions[partition]!.failed(now: now, Backoff(cluster.configuration))
            }
            if !error.isRetriable && error != .closed { state.report(error) }
            return state.isClosed
        }
        if isOver { return }
        cluster.configuration.logger?.debug(
            "fetch failed", ["broker": fetch.broker, "error": error])
        if error.isRetriable { cluster.refreshMetadata() }
    }
}

extension ConsumerState {
    /// A fetch is over, however it went.
    mutating func finished(_ broker: Int32, _ versions: [TopicPartition: UInt64]) {
        fetching.remove(broker)
        for partition in versions.keys { partitions[partition]?.isFetching = false }
    }
}
