internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// What a Fetch request asks, resolved to partitions once; `evaluate` reads them, `answer` tells
/// what was read.
struct FetchPlan {
    /// What one reading of the partitions gave.
    struct Reading {
        fileprivate let outcomes: [FetchResponse.Partition]
        /// There are `minBytes`, or an error that the client must hear of at once.
        let isEnough: Bool
        /// The sum of the partitions' durable ends when they were read.
        let durableSum: Int64
        /// Bytes of records.
        let byteCount: Int
    }

    private struct Item {
        let target: FetchTarget
        let log: PartitionLog?
        let error: ErrorCode
    }

    private let broker: BrokerState
    private let version: Int16
    private let minBytes: Int
    private let maxBytes: Int
    private let committedOnly: Bool
    private let items: [Item]
    private let sessionID: Int32
    /// Only what changed since the session's last answer is told.
    private let isIncremental: Bool
    /// Where reading begins. It moves on with each request of the connection, so that what the
    /// response limit leaves out is first another time.
    private let start: Int

    /// - Parameter targets: of the session, or those that `request` names itself.
    init(
        _ request: FetchRequest, targets: [FetchTarget], sessionID: Int32, isIncremental: Bool,
        context: RequestContext
    ) {
        broker = context.broker
        version = context.version
        minBytes = Int(request.minBytes)
        // No more than a quiet client may have at once, as in Kafka.
        let burst = broker.quotas.burst(.fetch, for: context.quotaClient) ?? .infinity
        let quota = burst < Double(Int32.max) ? Int(burst) : Int.max
        maxBytes = min(max(0, Int(request.maxBytes)), broker.fetchBytesMax, quota)
        committedOnly = request.isolationLevel == 1
        self.sessionID = sessionID
        self.isIncremental = isIncremental
        var items: [Item] = []
        items.reserveCapacity(targets.count)
        // Partitions of one topic stand together: it is looked up once.
        var last: (name: String, id: UniqueID, found: NamedTopic)?
        for target in targets {
            if last?.name != target.topic || last?.id != target.topicID {
                last = (
                    target.topic, target.topicID,
                    context.topic(target.topic, target.topicID, for: .read)
                )
            }
            guard let found = last?.found else { continue }
            items.append(Self.item(target, of: found, version: version))
        }
        self.items = items
        start = items.isEmpty ? 0 : Int(context.number % UInt64(items.count))
    }

    private static func item(
        _ target: FetchTarget, of found: NamedTopic, version: Int16
    ) -> Item {
        switch found {
        case .refused(let code): return Item(target: target, log: nil, error: code)
        case .found(let topic):
            guard let log = topic.partition(target.partition.partition) else {
                return Item(target: target, log: nil, error: .unknownTopicOrPartition)
            }
            return Item(
                target: target, log: log,
                error: knowsCodec(of: topic, version: version)
                    ? BrokerState.epochError(target.partition.currentLeaderEpoch)
                    : .unsupportedCompressionType)
        }
    }

    /// Whether a client that speaks `version` can be told the topic's codec. Before version 10
    /// zstd may be unknown to it (KIP-110), and so a topic that stores all in zstd is refused. What
    /// producers chose is not looked at, as in Kafka: clients that send no more than version 4 read
    /// zstd very well.
    private static func knowsCodec(of topic: Topic, version: Int16) -> Bool {
        version >= 10 || topic.configuration.codec != .zstd
    }

    /// The partitions to watch for growth.
    var logs: [PartitionLog] { items.compactMap { $0.error == .none ? $0.log : nil } }

    /// The sum of the partitions' durable ends now.
    var durableSum: Int64 { items.reduce(0) { $0 + ($1.log?.durableEnd ?? 0) } }

    /// Reads what the limits allow.
    func evaluate() -> Reading {
        let durableSum = durableSum
        var outcomes = items.map { _ in FetchResponse.Partition() }
        var bytes = 0
        var hasError = false
        // While clients leave much unread, a response is one batch, so that all get something.
        let limit = broker.responseMemory.bytesUsed > broker.responseMemory.bytesMax ? 1 : maxBytes
        for step in items.indices {
            let index = (start + step) % items.count
            outcomes[index] = read(items[index], limit: limit, taken: bytes)
            bytes += outcomes[index].records?.count ?? 0
            if outcomes[index].errorCode != .none { hasError = true }
        }
        broker.metrics.fetchBytes.add(bytes)
        return Reading(
            outcomes: outcomes, isEnough: hasError || bytes >= minBytes || items.isEmpty
                || broker.isStopping,
            durableSum: durableSum, byteCount: bytes)
    }

    /// The response for a reading, which the session takes for told. Once a request.
    func answer(_ reading: Reading) -> FetchResponse {
        var response = FetchResponse()
        response.sessionId = sessionID
        var told: [(FetchSession.Key, FetchSession.Told?)] = []
        var topic = FetchResponse.Topic()
        for (item, outcome) in zip(items, reading.outcomes) {
            let now = outcome.errorCode == .none ? FetchSession.Told(outcome) : nil
            let isNews = now == nil || now != item.target.told || outcome.records?.count ?? 0 > 0
            guard isNews || !isIncremental else { continue }
            if sessionID != 0 { told.append((item.target.key, now)) }
            if topic.topic != item.target.topic || topic.topicId != item.target.topicID {
                if !topic.partitions.isEmpty { response.responses.append(topic) }
                topic = FetchResponse.Topic {
                    $0.topic = item.target.topic
                    $0.topicId = item.target.topicID
                }
            }
            topic.partitions.append(outcome)
        }
        if !topic.partitions.isEmpty { response.responses.append(topic) }
        broker.fetchSessions.note(told, in: sessionID)
        return response
    }

    private func read(_ item: Item, limit: Int, taken: Int) -> FetchResponse.Partition {
        var outcome = FetchResponse.Partition()
        outcome.partitionIndex = item.target.partition.partition
        outcome.highWatermark = -1
        outcome.records = ByteSlice()
        if !committedOnly { outcome.abortedTransactions = nil }
        guard item.error == .none, let log = item.log else {
            outcome.errorCode = item.error == .none ? .unknownTopicOrPartition : item.error
            return outcome
        }
        let room = min(Int(item.target.partition.partitionMaxBytes), limit - taken)
        let offset = item.target.partition.fetchOffset
        let end = committedOnly ? log.lastStableOffset : log.durableEnd
        if log.isOnline && (offset == end || (offset >= log.startOffset && taken > 0 && room <= 0))
        {
            outcome.highWatermark = log.durableEnd
            outcome.lastStableOffset = log.lastStableOffset
            outcome.logStartOffset = log.startOffset
            return outcome
        }
        do throws(LogError) {
            let result = try log.read(
                from: offset, bytesMax: max(0, room), below: committedOnly ? end : nil)
            outcome.highWatermark = result.durableEnd
            outcome.lastStableOffset = result.lastStableOffset
            outcome.logStartOffset = result.startOffset
            if committedOnly && !result.batches.isEmpty {
                outcome.abortedTransactions = try log.abortedTransactions(
                    from: offset, to: result.nextOffset
                ).map(FetchResponse.AbortedTransaction.init)
            }
            // The first batch comes whole whatever the limits say (KIP-74), but once a response.
            if taken == 0 || result.batches.count <= room { outcome.records = result.batches }
        } catch {
            outcome.errorCode = ErrorCode(error)
            if case .offsetOutOfRange(_, let start, let end) = error {
                outcome.logStartOffset = start
                outcome.highWatermark = end
                outcome.lastStableOffset = log.lastStableOffset
                outcome.abortedTransactions = committedOnly ? [] : nil
            } else {
                broker.logger.error(
                    "fetch failed",
                    ["topic": log.topic, "partition": log.partition, "error": error])
            }
        }
        return outcome
    }
}

extension FetchResponse.AbortedTransaction {
    fileprivate init(_ transaction: AbortedTransaction) {
        self.init()
        producerId = transaction.producerID
        firstOffset = transaction.firstOffset
    }
}
