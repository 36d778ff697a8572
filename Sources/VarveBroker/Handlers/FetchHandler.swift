internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// Fetch (1): durable batches from an offset on, at once when there are `minBytes` of them, else
/// when there are, or after `maxWaitMs`.
///
/// Source: KIP-74 (size limits), KIP-98 (isolation), KIP-227 (sessions), KIP-320.
enum FetchHandler: RequestHandler {
    typealias Request = FetchRequest

    static func handle(_ request: FetchRequest, context: RequestContext) -> Reply<FetchResponse> {
        let plan: FetchPlan
        switch context.broker.fetchSessions.begin(
            request, usesTopicIDs: context.version >= 13, now: context.loop.now)
        {
        case .full(let id):
            plan = FetchPlan(
                request, targets: request.targets, sessionID: id, isIncremental: false,
                context: context)
        case .incremental(let id, let targets):
            plan = FetchPlan(
                request, targets: targets, sessionID: id, isIncremental: true, context: context)
        case .refused(let code):
            return .now(FetchResponse { $0.errorCode = code })
        }
        let first = plan.evaluate()
        if first.isEnough || request.maxWaitMs <= 0 {
            context.charge(.fetch, Double(first.byteCount))
            return .now(plan.answer(first))
        }
        ParkedFetch(plan, context: context, waitMilliseconds: Int64(request.maxWaitMs))
            .park(unlessGrownBeyond: first.durableSum)
        return .later
    }
}
