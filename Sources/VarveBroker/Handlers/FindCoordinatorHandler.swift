internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// FindCoordinator (10): this broker, once the topic exists that the coordinator needs: for groups
/// `__consumer_offsets`, for transactional ids `__transaction_state`.
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
        let topic =
            request.keyType == groupKeyType
            ? BrokerState.offsetsTopic : BrokerState.transactionsTopic
        guard request.keyType == groupKeyType || request.keyType == transactionKeyType,
            broker.directory.topic(topic) == nil,
            keys(request, context).contains(where: { key in
                resource(request, key).map { context.allows(.describe, $0) } ?? true
            })
        else { return .now(answer(request, context: context, failure: nil)) }
        let slot = context.slot(FindCoordinatorRequest.self)
        broker.admin.run {
            var failure: LogError?
            do throws(LogError) {
                _ = try broker.makeTopicOnFirstUse(topic)
            } catch {
                failure = error
                broker.logger.error("cannot make a topic", ["topic": topic, "error": error])
            }
            slot.complete(answer(request, context: context, failure: failure))
        }
        return .later
    }

    private static func answer(
        _ request: FindCoordinatorRequest, context: RequestContext, failure: LogError?
    ) -> FindCoordinatorResponse {
        var response = FindCoordinatorResponse()
        response.coordinators = keys(request, context).map { key in
            var found = Coordinator()
            found.key = key
            if let resource = resource(request, key),
                let error = context.refusal(.describe, resource)
            {
                refuse(&found, error, nil)
                return found
            }
            switch request.keyType {
            case groupKeyType where failure == nil, transactionKeyType where failure == nil:
                found.nodeId = context.broker.directory.nodeID
                found.host = context.advertised.host
                found.port = Int32(context.advertised.port)
            case groupKeyType, transactionKeyType:
                refuse(&found, .coordinatorNotAvailable, failure.map { "\($0)" })
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

    private static func keys(
        _ request: FindCoordinatorRequest, _ context: RequestContext
    ) -> [String] {
        context.version >= 4 ? request.coordinatorKeys : [request.key]
    }

    /// What the coordinator of `key` is about; nil for what has none here.
    private static func resource(
        _ request: FindCoordinatorRequest, _ key: String
    ) -> AccessResource? {
        switch request.keyType {
        case groupKeyType: .group(key)
        case transactionKeyType: .transactionalID(key)
        default: nil
        }
    }

    private static func refuse(_ found: inout Coordinator, _ code: ErrorCode, _ text: String?) {
        found.errorCode = code
        found.errorMessage = text
        found.nodeId = -1
        found.port = -1
    }
}
