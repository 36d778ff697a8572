internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// FindCoordinator (10): for groups this broker, once `__consumer_offsets` exists.
/// Source: KIP-699 (several keys at once, version 4).
enum FindCoordinatorHandler: RequestHandler {
    typealias Request = FindCoordinatorRequest
    private typealias Coordinator = FindCoordinatorResponse.Coordinator

    private static let groupKeyType: Int8 = 0
    private static let transactionKeyType: Int8 = 1

    static func handle(
        _ request: FindCoordinatorRequest, context: RequestContext
    ) -> Reply<FindCoordinatorResponse> {
        let broker = context.broker
        guard request.keyType == groupKeyType,
            broker.directory.topic(BrokerState.offsetsTopic) == nil
        else { return .now(answer(request, context: context, failure: nil)) }
        let slot = context.slot(FindCoordinatorRequest.self)
        broker.admin.run {
            var failure: LogError?
            do throws(LogError) {
                _ = try broker.makeOffsetsTopic()
            } catch {
                failure = error
                broker.logger.error("cannot make the offsets topic", ["error": error])
            }
            slot.complete(answer(request, context: context, failure: failure))
        }
        return .later
    }

    private static func answer(
        _ request: FindCoordinatorRequest, context: RequestContext, failure: LogError?
    ) -> FindCoordinatorResponse {
        var response = FindCoordinatorResponse()
        let keys = context.version >= 4 ? request.coordinatorKeys : [request.key]
        response.coordinators = keys.map { key in
            var found = Coordinator()
            found.key = key
            switch request.keyType {
            case groupKeyType where failure == nil:
                found.nodeId = context.broker.directory.nodeID
                found.host = context.advertised.host
                found.port = Int32(context.advertised.port)
            case groupKeyType:
                refuse(&found, .coordinatorNotAvailable, failure.map { "\($0)" })
            case transactionKeyType:
                refuse(&found, .transactionalIdAuthorizationFailed, "transactions are not served")
            default:
                refuse(&found, .invalidRequest, "unknown key type \(request.keyType)")
            }
            return found
        }
        if context.version < 4, let only = response.coordinators.first {
            response.errorCode = only.errorCode
            response.errorMessage = only.errorMessage
            response.nodeId = only.nodeId
            response.host = only.host
            response.port = only.port
        }
        return response
    }

    private static func refuse(_ found: inout Coordinator, _ code: ErrorCode, _ text: String?) {
        found.errorCode = code
        found.errorMessage = text
        found.nodeId = -1
        found.port = -1
    }
}
