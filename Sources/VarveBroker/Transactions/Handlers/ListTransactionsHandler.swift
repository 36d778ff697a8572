internal import VarvePlatform
internal import VarveWire

/// ListTransactions (66): the transactional ids that pass the filters. Source: KIP-664, KIP-994,
/// KIP-1152.
enum ListTransactionsHandler: RequestHandler {
    typealias Request = ListTransactionsRequest

    static func handle(
        _ request: ListTransactionsRequest, context: RequestContext
    ) -> Reply<ListTransactionsResponse> {
        var response = ListTransactionsResponse()
        var pattern: NamePattern?
        if let text = request.transactionalIdPattern, !text.isEmpty {
            do throws(NamePattern.Problem) {
                pattern = try NamePattern(text)
            } catch {
                response.errorCode = .invalidRegularExpression
                return .now(response)
            }
        }
        let phases = Dictionary(
            uniqueKeysWithValues: TransactionPhase.allCases.map { ($0.name, $0) })
        // Phases that Kafka's coordinators pass through, and ours never shows.
        let others: Set<String> = ["Dead", "PrepareEpochFence"]
        var wanted: Set<TransactionPhase> = []
        for name in request.stateFilters {
            if let phase = phases[name] {
                wanted.insert(phase)
            } else if !others.contains(name) {
                response.unknownStateFilters.append(name)
            }
        }
        guard let pattern else {
            fill(&response, request, wanted, context) { _ in true }
            return .now(response)
        }
        // Thousands of ids against a long pattern: not on an event loop.
        let slot = context.slot(ListTransactionsRequest.self)
        context.broker.admin.run { [response, wanted] in
            var response = response
            fill(&response, request, wanted, context) { pattern.matches($0) }
            slot.complete(response)
        }
        return .later
    }

    private static func fill(
        _ response: inout ListTransactionsResponse, _ request: ListTransactionsRequest,
        _ wanted: Set<TransactionPhase>, _ context: RequestContext,
        _ fits: (String) -> Bool
    ) {
        let producerIDs = Set(request.producerIdFilters)
        let now = context.broker.clock.wallMilliseconds()
        for found in context.broker.transactions.list() {
            let transaction = found.transaction
            let isRunningLonger =
                request.durationFilter < 0
                || transaction.startTime >= 0
                    && now - transaction.startTime > request.durationFilter
            guard request.stateFilters.isEmpty || wanted.contains(transaction.phase),
                producerIDs.isEmpty || producerIDs.contains(transaction.producer.id),
                isRunningLonger, fits(transaction.id),
                context.allows(.describe, .transactionalID(transaction.id))
            else { continue }
            response.transactionStates.append(
                ListTransactionsResponse.TransactionState {
                    $0.transactionalId = transaction.id
                    $0.producerId = transaction.producer.id
                    $0.transactionState = transaction.phase.name
                })
        }
    }
}
