internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// InitProducerId (22) without a transactional id: a number no producer had before, over restarts
/// too, so that batches it sends twice are stored once. Source: KIP-98, KIP-360.
enum InitProducerIdHandler: RequestHandler {
    typealias Request = InitProducerIdRequest

    static func handle(
        _ request: InitProducerIdRequest, context: RequestContext
    ) -> Reply<InitProducerIdResponse> {
        var response = InitProducerIdResponse()
        response.producerEpoch = -1
        if let transactionalID = request.transactionalId {
            // Transactions are not served. This error is final for every client, where a
            // coordinator's absence would have them ask for ever.
            response.errorCode =
                transactionalID.isEmpty ? .invalidRequest : .transactionalIdAuthorizationFailed
            return .now(response)
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
}
