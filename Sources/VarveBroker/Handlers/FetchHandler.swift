internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// Fetch (1): durable batches from an offset on, at once when there are `minBytes` of them, else
/// when there are, or after `maxWaitMs`.
///
/// Fetch sessions (KIP-227) are not kept: session id 0 in each response tells clients to name
/// their partitions every time. Source: KIP-74 (size limits), KIP-98 (isolation), KIP-320.
enum FetchHandler: RequestHandler {
    typealias Request = FetchRequest

    static func handle(_ request: FetchRequest, context: RequestContext) -> Reply<FetchResponse> {
        guard request.sessionId == 0 else {
            var response = FetchResponse()
            response.errorCode = .fetchSessionIdNotFound
            return .now(response)
        }
        let plan = FetchPlan(request, context: context)
        let first = plan.evaluate()
        if first.isEnough || request.maxWaitMs <= 0 { return .now(first.response) }
        ParkedFetch(plan, context: context, waitMilliseconds: Int64(request.maxWaitMs))
            .park(unlessGrownBeyond: first.durableSum)
        return .later
    }
}

/// What a Fetch request asks, resolved to partitions once; `evaluate` reads them.
struct FetchPlan {
    /// What one reading of the partitions gave.
    struct Result {
        let response: FetchResponse
        /// The response has `minBytes`, or an error that the client must hear of at once.
        let isEnough: Bool
        /// The sum of the partitions' durable ends when they were read.
        let durableSum: Int64
    }

    private struct Item {
        let topic: Int
        let request: FetchRequest.Partition
        let log: PartitionLog?
        let error: ErrorCode
    }

    private let broker: BrokerState
    private let version: Int16
    private let minBytes: Int
    private let maxBytes: Int
    private let committedOnly: Bool
    private let topics: [(name: String, id: UniqueID, count: Int)]
    private let items: [Item]
    /// Where reading begins. It moves on with each request of the connection, so that what the
    /// response limit leaves out is first another time.
    private let start: Int

    init(_ request: FetchRequest, context: RequestContext) {
        broker = context.broker
        version = context.version
        minBytes = Int(request.minBytes)
        maxBytes = min(
            max(0, Int(request.maxBytes)), context.broker.fetchBytesMax)
        committedOnly = request.isolationLevel == 1
        var items: [Item] = []
        var topics: [(name: String, id: UniqueID, count: Int)] = []
        topics.reserveCapacity(request.topics.count)
        for (index, topic) in request.topics.enumerated() {
            let found = context.broker.topic(topic.topic, topic.topicId)
            topics.append((topic.topic, topic.topicId, topic.partitions.count))
            for partition in topic.partitions {
                let log = found?.partition(partition.partition)
                let error: ErrorCode =
                    found == nil
                    ? BrokerState.unknownTopic(topic.topicId)
                    : log == nil
                        ? .unknownTopicOrPartition
                        : BrokerState.epochError(partition.currentLeaderEpoch)
                items.append(Item(topic: index, request: partition, log: log, error: error))
            }
        }
        self.items = items
        self.topics = topics
        start = items.isEmpty ? 0 : Int(context.number % UInt64(items.count))
    }

    /// The partitions to watch for growth.
    var logs: [PartitionLog] { items.compactMap { $0.error == .none ? $0.log : nil } }

    /// The sum of the partitions' durable ends now.
    var durableSum: Int64 { items.reduce(0) { $0 + ($1.log?.durableEnd ?? 0) } }

    /// Reads what the limits allow.
    func evaluate() -> Result {
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
        return Result(
            response: respond(outcomes), isEnough: hasError || bytes >= minBytes || items.isEmpty
                || broker.isStopping,
            durableSum: durableSum)
    }

    private func respond(_ outcomes: [FetchResponse.Partition]) -> FetchResponse {
        var response = FetchResponse()
        response.responses.reserveCapacity(topics.count)
        var next = 0
        for (name, id, count) in topics {
            var topic = FetchResponse.Topic()
            topic.topic = name
            topic.topicId = id
            topic.partitions = Array(outcomes[next..<next + count])
            next += count
            response.responses.append(topic)
        }
        return response
    }

    private func read(_ item: Item, limit: Int, taken: Int) -> FetchResponse.Partition {
        var outcome = FetchResponse.Partition()
        outcome.partitionIndex = item.request.partition
        outcome.highWatermark = -1
        outcome.records = ByteSlice()
        if !committedOnly { outcome.abortedTransactions = nil }
        guard item.error == .none, let log = item.log else {
            outcome.errorCode = item.error == .none ? .unknownTopicOrPartition : item.error
            return outcome
        }
        let room = min(Int(item.request.partitionMaxBytes), limit - taken)
        let offset = item.request.fetchOffset
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
            if version < 10 && Self.hasZstd(result.batches) {
                outcome.errorCode = .unsupportedCompressionType
                outcome.records = ByteSlice()
            }
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

    /// Clients that speak less than Fetch 10 do not know zstd (KIP-110).
    private static func hasZstd(_ batches: ByteSlice) -> Bool {
        var rest = batches
        while rest.count >= RecordBatchHeader.byteCount {
            let header: RecordBatchHeader
            do throws(RecordError) {
                header = try rest.withUnsafeBytes { (raw) throws(RecordError) in
                    try RecordBatchHeader(parsing: raw)
                }
            } catch {
                return false
            }
            if header.attributes.codec == .zstd { return true }
            rest = rest[min(header.totalByteCount, rest.count)...]
        }
        return false
    }
}

extension FetchResponse.AbortedTransaction {
    fileprivate init(_ transaction: AbortedTransaction) {
        self.init()
        producerId = transaction.producerID
        firstOffset = transaction.firstOffset
    }
}
