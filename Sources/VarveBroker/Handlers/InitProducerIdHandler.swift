internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// InitProducerId (22). Without a transactional id: a number no producer had before, over restarts
/// too, so that batches it sends twice are stored once. With one: the id's producer, under a new
/// epoch that locks out whoever had it before. Source: KIP-98, KIP-360.
enum InitProducerIdHandler: RequestHandler {
    typealias Request = InitProducerIdRequest

    static func handle(
        _ request: InitProducerIdRequest, context: RequestContext
    ) -> Reply<InitProducerIdResponse> {
        if let id = request.transactionalId {
            if let error = context.refusal(.write, .transactionalID(id)) {
                return .now(refused(error))
            }
            return handle(request, id, context)
        }
        // Who may write anywhere may write idempotently (KIP-679).
        if !context.allowsAny(.write, of: .topic),
            let error = context.refusal(.idempotentWrite, .cluster)
        {
            return .now(refused(error))
        }
        let slot = context.slot(InitProducerIdRequest.self)
        context.broker.admin.run {
            var response = InitProducerIdResponse()
            do throws(LogError) {
                response.producerId = try context.broker.directory.nextProducerID()
                response.producerEpoch = 0
            } catch {
                response.producerEpoch = -1
                // Retriable for every client, and no partition is meant.
                response.errorCode = .coordinatorNotAvailable
                context.broker.logger.error("cannot hand out a producer id", ["error": error])
            }
            slot.complete(response)
        }
        return .later
    }

    private static func refused(_ code: ErrorCode) -> InitProducerIdResponse {
        InitProducerIdResponse {
            $0.producerEpoch = -1
            $0.errorCode = code
        }
    }

    private static func handle(
        _ request: InitProducerIdRequest, _ id: String, _ context: RequestContext
    ) -> Reply<InitProducerIdResponse> {
        var expected: ProducerIdentity?
        if request.producerId >= 0 || request.producerEpoch >= 0 {
            guard request.producerId >= 0, request.producerEpoch >= 0 else {
                return .now(refused(.invalidRequest))
            }
            expected = ProducerIdentity(id: request.producerId, epoch: request.producerEpoch)
        }
        let slot = context.slot(InitProducerIdRequest.self)
        context.broker.transactions.initialize(
            id, timeout: request.transactionTimeoutMs, expected: expected
        ) { outcome in
            var response = InitProducerIdResponse()
            switch outcome {
            case .success(let producer):
                response.producerId = producer.id
                response.producerEpoch = producer.epoch
            case .failure(let failure):
                response.producerEpoch = -1
                response.errorCode = TransactionErrors.fenced(
                    failure.code, api: .initProducerId, version: context.version)
            }
            slot.complete(response)
        }
        return .later
    }
}
