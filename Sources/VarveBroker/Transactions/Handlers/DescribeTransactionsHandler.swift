internal import VarveWire

/// DescribeTransactions (65): how transactional ids stand. Source: KIP-664.
enum DescribeTransactionsHandler: RequestHandler {
    typealias Request = DescribeTransactionsRequest
    private typealias State = DescribeTransactionsResponse.TransactionState

    static func handle(
        _ request: DescribeTransactionsRequest, context: RequestContext
    ) -> Reply<DescribeTransactionsResponse> {
        var response = DescribeTransactionsResponse()
        response.transactionStates = request.transactionalIds.map { id in
            describe(id, context)
        }
        return .now(response)
    }

    private static func describe(_ id: String, _ context: RequestContext) -> State {
        let transactions = context.broker.transactions
        return State {
            $0.transactionalId = id
            $0.producerId = -1
            $0.producerEpoch = -1
            $0.transactionStartTimeMs = -1
            if let code = context.refusal(.describe, .transactionalID(id))
                ?? transactions.unavailability(of: id)
            {
                $0.errorCode = code
                return
            }
            guard let found = transactions.describe(id) else {
                $0.errorCode = .transactionalIdNotFound
                return
            }
            let transaction = found.transaction
            $0.transactionState = transaction.phase.name
            $0.transactionTimeoutMs = transaction.timeout
            $0.transactionStartTimeMs = transaction.startTime
            $0.producerId = transaction.producer.id
            $0.producerEpoch = transaction.producer.epoch
            $0.topics = Transaction.topics(found.openPartitions).filter {
                context.allows(.describe, .topic($0.topic))
            }.map { topic in
                DescribeTransactionsResponse.Topic {
                    $0.topic = topic.topic
                    $0.partitions = topic.partitionIds
                }
            }
        }
    }
}
