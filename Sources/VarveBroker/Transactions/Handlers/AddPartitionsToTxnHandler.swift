internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// AddPartitionsToTxn (24): partitions take part in a transaction, durably before the answer. All
/// of a transaction's are added, or none. Up to version 3 from clients; from version 4 on brokers
/// send several transactions, or only ask (KIP-890).
enum AddPartitionsToTxnHandler: RequestHandler {
    typealias Request = AddPartitionsToTxnRequest
    private typealias Topic = AddPartitionsToTxnRequest.Topic
    private typealias Outcome = AddPartitionsToTxnResponse.Topic

    private static let batchesSince: Int16 = 4
    private static let abortableSince: Int16 = 5

    static func handle(
        _ request: AddPartitionsToTxnRequest, context: RequestContext
    ) -> Reply<AddPartitionsToTxnResponse> {
        guard context.version >= batchesSince else {
            // Only these come from clients, whose rights to the very things count.
            let id = request.v3AndBelowTransactionalId
            let topics = request.v3AndBelowTopics
            if let error = context.refusal(.write, .transactionalID(id)) {
                return .now(
                    AddPartitionsToTxnResponse {
                        $0.resultsByTopicV3AndBelow = outcomes(topics) { _ in error }
                    })
            }
            let refused = topics.reduce(into: [String: ErrorCode]()) {
                $0[$1.name] = context.refusal(.write, .topic($1.name))
            }
            if !refused.isEmpty {
                return .now(
                    AddPartitionsToTxnResponse {
                        $0.resultsByTopicV3AndBelow = outcomes(topics) {
                            refused[$0.topic] ?? .operationNotAttempted
                        }
                    })
            }
            let slot = context.slot(AddPartitionsToTxnRequest.self)
            add(
                topics, to: id,
                ProducerIdentity(
                    id: request.v3AndBelowProducerId, epoch: request.v3AndBelowProducerEpoch),
                context
            ) { outcomes in
                slot.complete(
                    AddPartitionsToTxnResponse { $0.resultsByTopicV3AndBelow = outcomes })
            }
            return .later
        }
        if request.transactions.isEmpty { return .now(AddPartitionsToTxnResponse()) }
        if let error = context.refusal(.clusterAction, .cluster) {
            return .now(AddPartitionsToTxnResponse { $0.errorCode = error })
        }
        let slot = context.slot(AddPartitionsToTxnRequest.self)
        let results = Lock<[Int: [Outcome]]>([:])
        for (index, transaction) in request.transactions.enumerated() {
            let producer = ProducerIdentity(
                id: transaction.producerId, epoch: transaction.producerEpoch)
            let done: @Sendable ([Outcome]) -> Void = { outcomes in
                let all = results.withLock { results -> [Int: [Outcome]]? in
                    results[index] = outcomes
                    return results.count == request.transactions.count ? results : nil
                }
                guard let all else { return }
                var response = AddPartitionsToTxnResponse()
                response.resultsByTransaction = request.transactions.enumerated().map { index, of in
                    AddPartitionsToTxnResponse.Transaction {
                        $0.transactionalId = of.transactionalId
                        $0.topicResults = all[index] ?? []
                    }
                }
                slot.complete(response)
            }
            if transaction.verifyOnly {
                done(verify(transaction, producer, context))
            } else {
                add(transaction.topics, to: transaction.transactionalId, producer, context, done)
            }
        }
        return .later
    }

    private static func add(
        _ topics: [Topic], to id: String, _ producer: ProducerIdentity, _ context: RequestContext,
        _ completion: @escaping @Sendable ([AddPartitionsToTxnResponse.Topic]) -> Void
    ) {
        let broker = context.broker
        var partitions: Set<TransactionPartition> = []
        var unknown: Set<TransactionPartition> = []
        for topic in topics {
            let found = broker.directory.topic(topic.name)
            for index in topic.partitions {
                let partition = TransactionPartition(topic: topic.name, index: index)
                if found?.partition(index) == nil {
                    unknown.insert(partition)
                } else {
                    partitions.insert(partition)
                }
            }
        }
        guard unknown.isEmpty else {
            return completion(
                outcomes(topics) {
                    unknown.contains($0) ? .unknownTopicOrPartition : .operationNotAttempted
                })
        }
        let version = context.version
        broker.transactions.add(
            partitions, to: id, by: producer,
            version >= batchesSince ? .epochPerTransaction : .classic
        ) { failure in
            let code = failure.map {
                TransactionErrors.fenced($0.code, api: .addPartitionsToTxn, version: version)
            }
            completion(outcomes(topics) { _ in code ?? .none })
        }
    }

    private static func verify(
        _ transaction: AddPartitionsToTxnRequest.Transaction, _ producer: ProducerIdentity,
        _ context: RequestContext
    ) -> [Outcome] {
        outcomes(transaction.topics) { partition in
            let code = context.broker.transactions.refusal(
                partition, in: transaction.transactionalId, by: producer)
            return code == .invalidTxnState && context.version >= abortableSince
                ? .transactionAbortable : code ?? .none
        }
    }

    private static func outcomes(
        _ topics: [Topic], _ code: (TransactionPartition) -> ErrorCode
    ) -> [Outcome] {
        topics.map { topic in
            Outcome {
                $0.name = topic.name
                $0.resultsByPartition = topic.partitions.map { index in
                    AddPartitionsToTxnResponse.Partition {
                        $0.partitionIndex = index
                        $0.partitionErrorCode = code(.init(topic: topic.name, index: index))
                    }
                }
            }
        }
    }
}
