internal import VarveWire

/// AddOffsetsToTxn (25): a group's offsets take part in a transaction, durably before the answer.
/// Source: KIP-98.
enum AddOffsetsToTxnHandler: RequestHandler {
    typealias Request = AddOffsetsToTxnRequest

    static func handle(
        _ request: AddOffsetsToTxnRequest, context: RequestContext
    ) -> Reply<AddOffsetsToTxnResponse> {
        if let error = context.refusal(.write, .transactionalID(request.transactionalId))
            ?? context.refusal(.read, .group(request.groupId))
        {
            return .now(AddOffsetsToTxnResponse { $0.errorCode = error })
        }
        let slot = context.slot(AddOffsetsToTxnRequest.self)
        context.broker.transactions.addOffsets(
            of: request.groupId, to: request.transactionalId,
            by: ProducerIdentity(id: request.producerId, epoch: request.producerEpoch)
        ) { failure in
            slot.complete(
                AddOffsetsToTxnResponse {
                    $0.errorCode = TransactionErrors.fenced(
                        failure?.code ?? .none, api: .addOffsetsToTxn, version: context.version)
                })
        }
        return .later
    }
}
