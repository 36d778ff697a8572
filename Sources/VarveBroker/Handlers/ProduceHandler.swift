internal import Synchronization
internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// Produce (0): appends batches and answers when every one of them is durable (I1), or failed.
///
/// Each partition of a request succeeds or fails by itself. acks=1 and acks=all mean the same
/// here: after fdatasync. acks=0 is not answered; its errors close the connection, which is all
/// that such a client can notice. Batches of a transaction are taken while their partition takes
/// part in it; from version 12 on the broker adds the partition itself (KIP-890).
/// Source: KIP-98, KIP-467; `KafkaApis.handleProduceRequest`.
enum ProduceHandler: RequestHandler {
    typealias Request = ProduceRequest
    private typealias Outcome = ProduceResponse.Partition

    static func handle(
        _ request: ProduceRequest, context: RequestContext
    ) -> Reply<ProduceResponse> {
        context.charge(.produce, Double(context.requestByteCount))
        if context.version >= TransactionErrors.produceAddsSince, request.acks == -1,
            let id = request.transactionalId, context.allows(.write, .transactionalID(id)),
            let (partitions, producer) = transactionalParts(of: request, context)
        {
            let slot = context.slot(ProduceRequest.self)
            let isReady = context.broker.transactions.admit(
                partitions, to: id, by: producer, post: { context.loop.post($0) }
            ) { failure in
                let reply = append(request, context: context, refusal: failure?.code)
                if case .now(let response) = reply { slot.complete(response) }
            }
            if !isReady { return .later }
        }
        return append(request, context: context, refusal: nil)
    }

    // MARK: - Private

    /// - Parameter refusal: why the partitions could not be added to their transaction.
    private static func append(
        _ request: ProduceRequest, context: RequestContext, refusal: ErrorCode?
    ) -> Reply<ProduceResponse> {
        var response = ProduceResponse()
        response.responses.reserveCapacity(request.topicData.count)
        var appended: [(AppendedBatch, Place)] = []
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
                let result = append(
                    partition, to: target, in: request.transactionalId, refusal: refusal,
                    context: context)
                if let batch = result.appended { appended.append((batch, place)) }
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
        for (batch, place) in appended {
            batch.whenDurable { error in pending.done(place, error) }
        }
        return .later
    }

    /// Where a partition's outcome stands in the response.
    fileprivate struct Place {
        let topic: Int
        let partition: Int
    }

    private static func resolve(
        _ topic: ProduceRequest.Topic, request: ProduceRequest, context: RequestContext
    ) -> NamedTopic {
        guard (-1...1).contains(request.acks) else { return .refused(.invalidRequiredAcks) }
        if topic.topicId == .zero {
            guard DataDirectory.isValidTopicName(topic.name) else {
                return .refused(.invalidTopic)
            }
        }
        if let id = request.transactionalId,
            let error = context.refusal(.write, .transactionalID(id))
        {
            return .refused(error)
        }
        let named = context.topic(topic.name, topic.topicId, for: .write)
        // Kafka's own tool for repairing internal topics goes by this name.
        if case .found(let found) = named, BrokerState.isInternal(found.name),
            context.clientID != "__admin_client"
        {
            return .refused(.invalidTopic)
        }
        return named
    }

    private static func append(
        _ partition: ProduceRequest.Partition, to target: NamedTopic, in transactionalID: String?,
        refusal: ErrorCode?, context: RequestContext
    ) -> (outcome: Outcome, appended: AppendedBatch?) {
        var outcome = Outcome()
        outcome.index = partition.index
        outcome.baseOffset = -1
        func refuse(_ code: ErrorCode, _ text: String? = nil) -> (Outcome, AppendedBatch?) {
            outcome.errorCode = code
            outcome.errorMessage = text
            return (outcome, nil)
        }
        let topic: Topic
        switch target {
        case .refused(let code): return refuse(code)
        case .found(let found): topic = found
        }
        guard let log = topic.partition(partition.index) else {
            return refuse(.unknownTopicOrPartition)
        }
        let records = partition.records ?? ByteSlice()
        let header: RecordBatchHeader
        switch check(records, version: context.version) {
        case .failure(let problem): return refuse(problem.code, problem.text)
        case .success(let found): header = found
        }
        let broker = context.broker
        do throws(LogError) {
            let batch = try CompressedBatch.admit(records, to: topic, broker: broker)
            let result: AppendResult
            if header.attributes.isTransactional {
                guard let transactionalID, !transactionalID.isEmpty else {
                    return refuse(
                        .transactionalIdAuthorizationFailed, "a transaction without an id")
                }
                if let refusal {
                    return refuse(TransactionErrors.produce(refusal, version: context.version))
                }
                let outcome = try broker.transactions.append(
                    to: TransactionPartition(topic: topic.name, index: partition.index),
                    of: transactionalID,
                    by: ProducerIdentity(id: header.producerID, epoch: header.producerEpoch)
                ) { () throws(LogError) in
                    try log.append(batch, now: broker.clock.wallMilliseconds())
                }
                switch outcome {
                case .appended(let appended):
                    guard isOfOpenTransaction(appended, header.producerID, log) else {
                        return refuse(
                            .outOfOrderSequenceNumber,
                            "sequence \(header.baseSequence) is one of a transaction before")
                    }
                    result = appended
                case .refused(let code):
                    return refuse(TransactionErrors.produce(code, version: context.version))
                }
            } else {
                result = try log.append(batch, now: broker.clock.wallMilliseconds())
            }
            outcome.baseOffset = result.baseOffset
            outcome.logAppendTimeMs = result.appendTime
            outcome.logStartOffset = result.logStartOffset
            if !result.isDuplicate {
                broker.metrics.batchesAppended.add()
                broker.metrics.batchBytesAppended.add(batch.count)
                broker.metrics.recordsAppended.add(
                    Int(result.lastOffset - result.baseOffset + 1))
            }
            return (outcome, AppendedBatch(log: log, result: result))
        } catch {
            if case .io = error {
                broker.logger.error(
                    "append failed",
                    ["topic": topic.name, "partition": partition.index, "error": error])
            }
            outcome.recordErrors = RefusedRecords.find(
                in: records, for: error, topic.configuration,
                now: context.broker.clock.wallMilliseconds())
            return refuse(ErrorCode(error), "\(error)")
        }
    }

    /// Whether a batch that is in the log already was written in the transaction that is open: a
    /// retry. Else a client counts from where an aborted transaction did (librdkafka does, where
    /// its connection broke before the abort), and what it believes to be stored is not.
    private static func isOfOpenTransaction(
        _ result: AppendResult, _ producerID: Int64, _ log: PartitionLog
    ) -> Bool {
        guard result.isDuplicate else { return true }
        let producer = log.activeProducers.first { $0.producerID == producerID }
        guard let start = producer?.transactionStart else { return false }
        return result.baseOffset >= start
    }

    /// What a request writes inside a transaction, and who; nil where it writes nothing there.
    private static func transactionalParts(
        of request: ProduceRequest, _ context: RequestContext
    ) -> (Set<TransactionPartition>, ProducerIdentity)? {
        var partitions: Set<TransactionPartition> = []
        var producer: ProducerIdentity?
        for topic in request.topicData {
            guard let found = context.broker.topic(topic.name, topic.topicId),
                !BrokerState.isInternal(found.name), context.allows(.write, .topic(found.name))
            else { continue }
            for partition in topic.partitionData where found.partition(partition.index) != nil {
                guard
                    case .success(let header) = check(
                        partition.records ?? ByteSlice(), version: context.version),
                    header.attributes.isTransactional
                else { continue }
                producer = ProducerIdentity(id: header.producerID, epoch: header.producerEpoch)
                partitions.insert(.init(topic: found.name, index: partition.index))
            }
        }
        return producer.map { (partitions, $0) }
    }

    private struct Problem: Error {
        let code: ErrorCode
        let text: String

        init(_ code: ErrorCode, _ text: String) {
            self.code = code
            self.text = text
        }
    }

    /// The checks that Kafka makes before the log sees the bytes: exactly one batch of magic 2,
    /// base offset 0, no control batch, and zstd only where the version has it.
    private static func check(
        _ records: ByteSlice, version: Int16
    ) -> Result<RecordBatchHeader, Problem> {
        guard !records.isEmpty else { return .failure(.init(.invalidRecord, "no record batch")) }
        let header: RecordBatchHeader
        do throws(RecordError) {
            header = try records.withUnsafeBytes { (raw) throws(RecordError) in
                try RecordBatchHeader(parsing: raw)
            }
        } catch {
            return .failure(.init(ErrorCode(error), "\(error)"))
        }
        if header.totalByteCount < records.count {
            return .failure(
                .init(.invalidRecord, "more than one record batch for a partition"))
        }
        if header.totalByteCount > records.count {
            return .failure(.init(.corruptMessage, "the record batch is cut short"))
        }
        if header.baseOffset != 0 {
            return .failure(.init(.invalidRecord, "the base offset is not 0"))
        }
        if header.attributes.isControl {
            return .failure(.init(.invalidRecord, "a control batch"))
        }
        if header.attributes.codec == .zstd && version < 7 {
            return .failure(.init(.unsupportedCompressionType, "zstd needs Produce version 7"))
        }
        return .success(header)
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
