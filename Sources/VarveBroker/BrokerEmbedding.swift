internal import VarveLog
internal import VarvePlatform
internal import VarveRecords

/// What a program does with a broker inside it, without a socket.
extension Broker {
    /// Makes a topic. Durable on return.
    /// - Parameter partitions: nil is `num.partitions`.
    /// - Parameter configuration: by Kafka's names, such as `retention.ms`.
    /// - Throws: `.notRunning`, `.topicExists`, `.invalid`, `.diskFull`, `.disk`.
    public func createTopic(
        _ name: String, partitions: Int? = nil, configuration: [String: String] = [:]
    ) throws(BrokerError) {
        let state = try state()
        do throws(LogError) {
            _ = try state.directory.createTopic(
                name, partitions: partitions ?? state.settings.int("num.partitions"),
                overrides: configuration, now: state.clock.wallMilliseconds())
        } catch {
            throw BrokerError(error)
        }
    }

    /// Deletes a topic with all its records. Durable on return.
    /// - Throws: `.notRunning`, `.unknownTopic`, `.diskFull`, `.disk`.
    public func deleteTopic(_ name: String) throws(BrokerError) {
        let state = try state()
        do throws(LogError) {
            let partitions = state.directory.topic(name)?.partitions ?? []
            try state.directory.deleteTopic(name)
            state.partitionWatches.forget(partitions)
            state.groups.topicDeleted(name)
        } catch {
            throw BrokerError(error)
        }
    }

    /// The names of all topics, sorted, those the broker keeps for itself included.
    /// - Throws: `.notRunning`.
    public func topics() throws(BrokerError) -> [String] {
        try state().directory.topics.map(\.name)
    }

    /// The number of a topic's partitions.
    /// - Throws: `.notRunning`, `.unknownTopic`.
    public func partitionCount(of topic: String) throws(BrokerError) -> Int {
        guard let found = try state().directory.topic(topic) else { throw .unknownTopic(topic) }
        return found.partitions.count
    }

    /// The first offset that is still there.
    /// - Throws: `.notRunning`, `.unknownTopic`, `.unknownPartition`.
    public func startOffset(topic: String, partition: Int = 0) throws(BrokerError) -> Int64 {
        try log(topic, partition).startOffset
    }

    /// The offset after the last durable record.
    /// - Throws: `.notRunning`, `.unknownTopic`, `.unknownPartition`.
    public func endOffset(topic: String, partition: Int = 0) throws(BrokerError) -> Int64 {
        try log(topic, partition).durableEnd
    }

    /// Appends `records` as one batch, all or nothing, and returns the offset of the first.
    /// On return they are on disk (I1). Blocks the thread for about as long as a sync takes;
    /// calls from several threads share syncs.
    /// - Throws: `.notRunning`, `.unknownTopic`, `.unknownPartition`, `.invalid` (no record, or
    ///   larger than `max.message.bytes`), `.diskFull` (nothing was written), `.disk`.
    public func append(
        topic: String, partition: Int = 0, records: [BrokerRecord]
    ) throws(BrokerError) -> Int64 {
        let appended = try appendToCache(topic, partition, records)
        let outcome = Lock<LogError??>(nil)
        appended.whenDurable { error in
            outcome.withLock { $0 = .some(error) }
            outcome.signal()
        }
        if let error = outcome.wait({ $0 })! { throw BrokerError(error) }
        return appended.result.baseOffset
    }

    /// The same for async callers: waits without a thread.
    public func append(
        topic: String, partition: Int = 0, records: [BrokerRecord]
    ) async throws(BrokerError) -> Int64 {
        let appended = try appendToCache(topic, partition, records)
        let failure: LogError? = await withCheckedContinuation { continuation in
            appended.whenDurable { continuation.resume(returning: $0) }
        }
        if let failure { throw BrokerError(failure) }
        return appended.result.baseOffset
    }

    /// Reads durable records from `offset` on: whole batches up to about `bytesMax` bytes, at
    /// least one where there is one. Empty at the end.
    /// - Throws: `.notRunning`, `.unknownTopic`, `.unknownPartition`, `.offsetOutOfRange`,
    ///   `.disk` (also for bytes that fail their checksum: they are never served, I2),
    ///   `.invalid` (a codec that this build does not have).
    public func read(
        topic: String, partition: Int = 0, from offset: Int64, bytesMax: Int = 1 << 20
    ) throws(BrokerError) -> [BrokerRecord] {
        let log = try log(topic, partition)
        let batches: ByteSlice
        do throws(LogError) {
            batches = try log.read(from: offset, bytesMax: bytesMax).batches
        } catch {
            throw BrokerError(error)
        }
        var records: [BrokerRecord] = []
        do throws(RecordError) {
            for (header, bytes) in RecordBatch.batches(in: batches)
            where !header.attributes.isControl {
                for record in try RecordBatch.records(in: bytes) where record.offset >= offset {
                    records.append(BrokerRecord(record))
                }
            }
        } catch {
            throw .invalid("\(topic)-\(partition): \(error)")
        }
        return records
    }

    // MARK: - Private

    private func log(_ topic: String, _ partition: Int) throws(BrokerError) -> PartitionLog {
        guard let found = try state().directory.topic(topic) else { throw .unknownTopic(topic) }
        guard let log = Int32(exactly: partition).flatMap({ found.partition($0) }) else {
            throw .unknownPartition(topic: topic, partition: partition)
        }
        return log
    }

    private func appendToCache(
        _ topic: String, _ partition: Int, _ records: [BrokerRecord]
    ) throws(BrokerError) -> AppendedBatch {
        let log = try log(topic, partition)
        guard !records.isEmpty else { throw .invalid("no records to append") }
        let state = try state()
        let now = state.clock.wallMilliseconds()
        let codec = state.directory.topic(topic)?.configuration.codec
        var builder = RecordBatchBuilder(codec: codec ?? .none)
        for record in records {
            builder.append(
                timestamp: record.timestamp ?? now, key: record.key.map { ByteSlice($0) },
                value: record.value.map { ByteSlice($0) },
                headers: record.headers.map {
                    RecordHeader(
                        name: ByteSlice($0.name), value: $0.value.map { ByteSlice($0) })
                })
        }
        let batch: ByteSlice
        do throws(RecordError) {
            batch = try builder.finish()
        } catch {
            throw .invalid("\(error)")
        }
        do throws(LogError) {
            return AppendedBatch(log: log, result: try log.append(batch, now: now))
        } catch {
            throw BrokerError(error)
        }
    }
}

extension BrokerRecord {
    init(_ record: Record) {
        self.init(
            value: record.value?.array, key: record.key?.array, timestamp: record.timestamp,
            headers: record.headers.map {
                Header(name: $0.name.string, value: $0.value?.array)
            },
            offset: record.offset)
    }
}

extension BrokerError {
    init(_ error: LogError) {
        switch error {
        case .full, .overQuota: self = .diskFull("\(error)")
        case .offsetOutOfRange(let requested, let start, let end):
            self = .offsetOutOfRange(requested: requested, start: start, end: end)
        case .unknownTopic(let name): self = .unknownTopic(name)
        case .topicExists(let name): self = .topicExists(name)
        case .closed: self = .notRunning
        case .io, .poisoned, .corrupt, .directoryLocked, .newerFormat: self = .disk("\(error)")
        default: self = .invalid("\(error)")
        }
    }
}
