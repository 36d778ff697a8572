internal import VarvePlatform
package import VarveRecords
internal import VarveWire

/// Writes records to topics, batched by partition, in order, each once.
///
/// A record's way: `enqueue` puts it into its partition's open batch; the batch is sealed when it
/// is full or has lingered, sent to the partition's leader (`Producer+Sending.swift`), sent again
/// while the errors are such that time can mend them, and answered. Records of one partition that
/// were enqueued one after another are stored in that order. All calls may overlap.
package final class Producer: Sendable {
    /// What it was made with.
    package let configuration: ProducerConfiguration
    let cluster: Cluster
    let lane = Lane.unique()
    let state = Lock(ProducerState())

    /// With acks other than -1, or when told so, batches carry no producer id.
    var isIdempotent: Bool { configuration.idempotent && configuration.acks == -1 }

    package init(_ cluster: Cluster, _ configuration: ProducerConfiguration = .init()) {
        self.cluster = cluster
        self.configuration = configuration
        let watcher = cluster.watch(
            MetadataWatcher(
                topics: [], allowAutoTopicCreation: configuration.allowAutoTopicCreation,
                changed: { [weak self] in self?.drainSoon() }))
        state.withLock { $0.watcher = watcher }
    }

    /// Writes one record and returns its place once it is acknowledged.
    /// - Throws: `.timedOut` after the delivery timeout, when the record may be stored all the
    ///   same; `.kafka` for what no retry can mend; `.closed`.
    package func send(
        topic: String, partition: Int32? = nil, _ record: Record
    ) async throws(ClientError) -> (partition: Int32, offset: Int64) {
        let delivery: Delivery = await withCheckedContinuation { continuation in
            Task {
                do throws(ClientError) {
                    try await enqueue(topic: topic, partition: partition, record) {
                        continuation.resume(returning: $0)
                    }
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try delivery.get()
    }

    /// Puts one record into its partition's batch; waits only for the topic's metadata and for
    /// room in the buffer (back pressure).
    /// - Parameter partition: nil: by the key's hash, as Kafka's clients do it, or without a key
    ///   the one partition of the moment.
    /// - Parameter completion: called once, with the record's place (offset -1 with acks 0) or the
    ///   reason it has none. It comes on the I/O thread and must be quick. Not called when this
    ///   throws.
    package func enqueue(
        topic: String, partition: Int32? = nil, _ record: Record,
        completion: @escaping @Sendable (
            Result<(partition: Int32, offset: Int64), ClientError>
        ) -> Void
    ) async throws(ClientError) {
        let bytes = RecordBatchBuilder.bytesMax(
            key: record.key, value: record.value, headers: record.headers)
        guard bytes <= configuration.bufferBytesMax else {
            throw .invalid("a record of \(bytes) bytes is more than the producer's buffer")
        }
        let deadline = cluster.now + configuration.deliveryTimeoutMilliseconds
        while true {
            let description = try await describe(topic)
            let outcome = try append(
                record, bytes: bytes, to: description, partition: partition, completion)
            switch outcome {
            case .appended(let full):
                if let full { seal([full]) }
                return
            case .full: try await waitForRoom(bytes, until: deadline)
            }
        }
    }

    /// Sends what is gathered without lingering, and waits until everything that was enqueued
    /// before this call is answered.
    /// - Throws: the first failure among those records; their completions tell each its own.
    package func flush() async throws(ClientError) {
        let failure: ClientError? = await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                var waiting: Set<UInt64> = []
                for queue in state.queues.values {
                    for batch in queue.batches {
                        batch.dueAt = 0
                        waiting.insert(batch.number)
                    }
                }
                guard !waiting.isEmpty else { return true }
                state.flushes.append(
                    ProducerState.Flush(batches: waiting, failure: nil, continuation: continuation))
                return false
            }
            if isEmpty { continuation.resume(returning: nil) } else { drainSoon() }
        }
        if let failure { throw failure }
    }

    /// Takes no more records, waits until all are answered (at most for the delivery timeout, when
    /// the rest fails), and closes the producer's connections.
    package func close() async {
        let (watcher, waiters) = state.withLock { state in
            state.isClosed = true
            defer { state.roomWaiters = [] }
            return (state.watcher, state.roomWaiters)
        }
        for waiter in waiters { waiter.continuation.resume(returning: true) }
        do throws(ClientError) { try await flush() } catch {
            // Each record's completion has told its own failure.
            cluster.configuration.logger?.warning(
                "records undelivered at close", ["error": error])
        }
        if let watcher { cluster.unwatch(watcher) }
        cluster.loop.close(lane)
    }

    // MARK: - Gathering

    private func describe(_ topic: String) async throws(ClientError) -> TopicDescription {
        if let known = cluster.knownTopic(topic), known.error == .none, !known.partitions.isEmpty {
            return known
        }
        if let watcher = state.withLock({ $0.watcher }) { cluster.watch(watcher, topics: [topic]) }
        return try await cluster.topic(
            topic, allowAutoTopicCreation: configuration.allowAutoTopicCreation,
            timeoutMilliseconds: cluster.configuration.callTimeoutMilliseconds)
    }

    private enum Outcome {
        /// In the batch; the one that became full by it is to be sealed.
        case appended(full: (TopicPartition, UInt64)?)
        /// No room now.
        case full
    }

    private func append(
        _ record: Record, bytes: Int, to topic: TopicDescription, partition: Int32?,
        _ completion: @escaping @Sendable (Delivery) -> Void
    ) throws(ClientError) -> Outcome {
        let now = cluster.now
        let (outcome, newBatch) = try state.withLock {
            (state) throws(ClientError) -> (Outcome, Bool) in
            guard !state.isClosed else { throw .closed }
            if state.bufferedBytes + bytes > configuration.bufferBytesMax {
                return (.full, false)
            }
            let number = try choose(partition, record.key, topic, &state)
            let target = TopicPartition(topic: topic.name, partition: number)
            var full: (TopicPartition, UInt64)?
            var batch = state.queues[target]?.batches.last
            if let open = batch, open.isOpen,
                open.bytes + bytes > configuration.batchBytesMax
            {
                open.dueAt = 0
                full = (target, open.number)
                state.sticky[topic.name] = nil
                batch = nil
            }
            let isNew = batch?.isOpen != true
            if isNew {
                batch = PendingBatch(
                    number: state.nextNumber(),
                    phase: .open(RecordBatchBuilder(codec: configuration.codec)),
                    dueAt: now + configuration.lingerMilliseconds,
                    deadline: now + configuration.deliveryTimeoutMilliseconds)
                state.queues[target, default: PartitionQueue()].batches.append(batch!)
            }
            batch!.append(record, bytes: bytes, completion)
            state.bufferedBytes += bytes
            return (.appended(full: full), isNew)
        }
        if newBatch { drain(at: now + configuration.lingerMilliseconds) }
        return outcome
    }

    private func choose(
        _ partition: Int32?, _ key: ByteSlice?, _ topic: TopicDescription,
        _ state: inout ProducerState
    ) throws(ClientError) -> Int32 {
        if let partition {
            guard topic.partitions.contains(where: { $0.partition == partition }) else {
                throw .invalid("\(topic.name) has no partition \(partition)")
            }
            return partition
        }
        if let key { return Murmur2.partition(key, of: topic.partitions.count) }
        if let sticky = state.sticky[topic.name] { return sticky }
        let withLeader = topic.partitions.filter { $0.leader >= 0 }
        let chosen = (withLeader.isEmpty ? topic.partitions : withLeader).randomElement()!.partition
        state.sticky[topic.name] = chosen
        return chosen
    }

    /// Waits until somebody gave memory back; whether it is enough is seen by trying again.
    private func waitForRoom(_ bytes: Int, until deadline: Int64) async throws(ClientError) {
        let hasRoom = await withCheckedContinuation { continuation in
            let isFull = state.withLock { state in
                guard state.bufferedBytes + bytes > configuration.bufferBytesMax, !state.isClosed
                else { return false }
                state.roomWaiters.append(
                    ProducerState.RoomWaiter(deadline: deadline, continuation: continuation))
                return true
            }
            if isFull { drain(at: deadline) } else { continuation.resume(returning: true) }
        }
        guard hasRoom else { throw .timedOut("room in the producer's buffer") }
    }
}
