internal import Synchronization
internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// Produce (0): appends batches and answers when every one of them is durable (I1), or failed.
///
/// Each partition of a request succeeds or fails by itself. acks=1 and acks=all mean the same
/// here: after fdatasync. acks=0 is not answered; its errors close the connection, which is all
/// that such a client can notice. Source: KIP-98, KIP-467; `KafkaApis.handleProduceRequest`.
enum ProduceHandler: RequestHandler {
    typealias Request = ProduceRequest
    private typealias Outcome = ProduceResponse.Partition

    static func handle(
        _ request: ProduceRequest, context: RequestContext
    ) -> Reply<ProduceResponse> {
        context.charge(.produce, Double(context.requestByteCount))
        var response = ProduceResponse()
        response.responses.reserveCapacity(request.topicData.count)
        var appended: [Appended] = []
        var failure: ErrorCode = .none
        for topic in request.topicData {
            var outcome = ProduceResponse.Topic()
            outcome.name = topic.name
            outcome.topicId = topic.topicId
            outcome.partitionResponses.reserveCapacity(topic.partitionData.count)
            let target = resolve(topic, request: request, context: context)
            for partition in topic.partitionData {
                let place = Place(
                    topic: response.responses.count,
                    partition: outcome.partitionResponses.count)
                let result = append(partition, to: target, context: context)
                if let log = result.log {
                    appended.append(Appended(log: log, end: result.end, place: place))
                }
                if result.outcome.errorCode != .none {
                    failure = result.outcome.errorCode
                    context.broker.metrics.produceErrors.add()
                }
                outcome.partitionResponses.append(result.outcome)
            }
            response.responses.append(outcome)
        }
        if request.acks == 0 {
            return failure == .none
                ? .silent : .close("a Produce request with acks=0 failed: \(failure)")
        }
        if appended.isEmpty { return .now(response) }
        let pending = PendingProduce(
            response: response, remaining: appended.count,
            slot: context.slot(ProduceRequest.self))
        for part in appended {
            part.log.whenDurable(part.end) { error in pending.done(part.place, error) }
        }
        return .later
    }

    // MARK: - Private

    /// Where a partition's outcome stands in the response.
    fileprivate struct Place {
        let topic: Int
        let partition: Int
    }

    private struct Appended {
        let log: PartitionLog
        let end: Int64
        let place: Place
    }

    private enum Target {
        case topic(Topic)
        case refused(ErrorCode)
    }

    private static func resolve(
        _ topic: ProduceRequest.Topic, request: ProduceRequest, context: RequestContext
    ) -> Target {
        guard (-1...1).contains(request.acks) else { return .refused(.invalidRequiredAcks) }
        // Transactions are not served; a client that believes so must not mix its records in.
        guard request.transactionalId == nil else {
            return .refused(.transactionalIdAuthorizationFailed)
        }
        if topic.topicId == .zero {
            guard DataDirectory.isValidTopicName(topic.name) else {
                return .refused(.invalidTopic)
            }
        }
        guard let found = context.broker.topic(topic.name, topic.topicId) else {
            return .refused(BrokerState.unknownTopic(topic.topicId))
        }
        // Kafka's own tool for repairing internal topics goes by this name.
        if BrokerState.isInternal(found.name) && context.clientID != "__admin_client" {
            return .refused(.invalidTopic)
        }
        return .topic(found)
    }

    private static func append(
        _ partition: ProduceRequest.Partition, to target: Target, context: RequestContext
    ) -> (outcome: Outcome, log: PartitionLog?, end: Int64) {
        var outcome = Outcome()
        outcome.index = partition.index
        outcome.baseOffset = -1
        func refuse(_ code: ErrorCode, _ text: String? = nil) -> (Outcome, PartitionLog?, Int64) {
            outcome.errorCode = code
            outcome.errorMessage = text
            return (outcome, nil, 0)
        }
        let topic: Topic
        switch target {
        case .refused(let code): return refuse(code)
        case .topic(let found): topic = found
        }
        guard let log = topic.partition(partition.index) else {
            return refuse(.unknownTopicOrPartition)
        }
        let records = partition.records ?? ByteSlice()
        if let (code, text) = problem(with: records, version: context.version) {
            return refuse(code, text)
        }
        do throws(LogError) {
            let broker = context.broker
            let batch = try CompressedBatch.admit(records, to: topic, broker: broker)
            let result = try log.append(batch, now: broker.clock.wallMilliseconds())
            outcome.baseOffset = result.baseOffset
            outcome.logAppendTimeMs = result.appendTime
            outcome.logStartOffset = result.logStartOffset
            if !result.isDuplicate {
                broker.metrics.batchesAppended.add()
                broker.metrics.batchBytesAppended.add(batch.count)
                broker.metrics.recordsAppended.add(
                    Int(result.lastOffset - result.baseOffset + 1))
            }
            return (outcome, log, result.lastOffset + 1)
        } catch {
            if case .io = error {
                context.broker.logger.error(
                    "append failed",
                    ["topic": topic.name, "partition": partition.index, "error": error])
            }
            outcome.recordErrors = RefusedRecords.find(
                in: records, for: error, topic.configuration,
                now: context.broker.clock.wallMilliseconds())
            return refuse(ErrorCode(error), "\(error)")
        }
    }

    /// The checks that Kafka makes before the log sees the bytes: exactly one batch of magic 2,
    /// base offset 0, no control batch, no transaction, and zstd only where the version has it.
    private static func problem(
        with records: ByteSlice, version: Int16
    ) -> (ErrorCode, String)? {
        guard !records.isEmpty else { return (.invalidRecord, "no record batch") }
        let header: RecordBatchHeader
        do throws(RecordError) {
            header = try records.withUnsafeBytes { (raw) throws(RecordError) in
                try RecordBatchHeader(parsing: raw)
            }
        } catch {
            return (ErrorCode(error), "\(error)")
        }
        if header.totalByteCount < records.count {
            return (.invalidRecord, "more than one record batch for a partition")
        }
        if header.totalByteCount > records.count {
            return (.corruptMessage, "the record batch is cut short")
        }
        if header.baseOffset != 0 { return (.invalidRecord, "the base offset is not 0") }
        if header.attributes.isControl { return (.invalidRecord, "a control batch") }
        if header.attributes.isTransactional {
            return (.invalidTxnState, "transactions are not served")
        }
        if header.attributes.codec == .zstd && version < 7 {
            return (.unsupportedCompressionType, "zstd needs Produce version 7")
        }
        return nil
    }
}

/// A Produce request whose batches are in the page cache and not all durable yet.
private final class PendingProduce: Sendable {
    private let response: Lock<ProduceResponse>
    private let remaining: Atomic<Int>
    private let slot: ResponseSlot<ProduceRequest>

    init(response: ProduceResponse, remaining: Int, slot: ResponseSlot<ProduceRequest>) {
        self.response = Lock(response)
        self.remaining = Atomic(remaining)
        self.slot = slot
    }

    /// One partition's batch is durable, or will never be acknowledged (I6). From any thread.
    func done(_ place: ProduceHandler.Place, _ error: LogError?) {
        if let error {
            response.withLock { response in
                var outcome = response.responses[place.topic].partitionResponses[place.partition]
                outcome.errorCode = ErrorCode(error)
                outcome.errorMessage = "\(error)"
                outcome.baseOffset = -1
                response.responses[place.topic].partitionResponses[place.partition] = outcome
            }
        }
        let left = remaining.subtract(1, ordering: .acquiringAndReleasing).newValue
        if left == 0 { slot.complete(response.withLock { $0 }) }
    }
}
