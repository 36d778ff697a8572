internal import VarveWire

/// EndTxn (26): commits or aborts a transaction, durably before the answer. From version 5 on the
/// producer goes on with a new epoch, which the answer names (KIP-890).
enum EndTxnHandler: RequestHandler {
    typealias Request = EndTxnRequest

    private static let bumpsSince: Int16 = 5

    static func handle(
        _ request: EndTxnRequest, context: RequestContext
    ) -> Reply<EndTxnResponse> {
        if let error = context.refusal(.write, .transactionalID(request.transactionalId)) {
            return .now(EndTxnResponse { $0.errorCode = error })
        }
        let slot = context.slot(EndTxnRequest.self)
        let version = context.version
        context.broker.transactions.end(
            request.transactionalId, commits: request.committed,
            by: ProducerIdentity(id: request.producerId, epoch: request.producerEpoch),
            version >= bumpsSince ? .epochPerTransaction : .classic
        ) { outcome in
            var response = EndTxnResponse()
            switch outcome {
            case .success(let producer):
                response.producerId = producer.id
                response.producerEpoch = producer.epoch
            case .failure(let failure):
                response.errorCode = TransactionErrors.fenced(
                    failure.code, api: .endTxn, version: version)
            }
            slot.complete(response)
        }
        return .later
    }
}
