internal import VarvePlatform
internal import VarveWire

/// DeleteGroups (42). Answered when each deletion is durable or refused.
enum DeleteGroupsHandler: RequestHandler {
    typealias Request = DeleteGroupsRequest

    static func handle(
        _ request: DeleteGroupsRequest, context: RequestContext
    ) -> Reply<DeleteGroupsResponse> {
        let names = request.groupsNames
        guard !names.isEmpty else { return .now(DeleteGroupsResponse()) }
        let slot = context.slot(DeleteGroupsRequest.self)
        let answers = Lock([ErrorCode?](repeating: nil, count: names.count))
        @Sendable func answer(_ index: Int, _ error: ErrorCode) {
            // Whoever brings the last answer sees all of them.
            guard
                let all = answers.withLock({ answers -> [ErrorCode?]? in
                    answers[index] = error
                    return answers.contains(nil) ? nil : answers
                })
            else { return }
            var response = DeleteGroupsResponse()
            response.results = zip(names, all).map { name, answer in
                DeleteGroupsResponse.Group {
                    $0.groupId = name
                    $0.errorCode = answer!
                }
            }
            slot.complete(response)
        }
        for (index, name) in names.enumerated() {
            if let error = context.refusal(.delete, .group(name)) {
                answer(index, error)
            } else {
                context.broker.groups.delete(name) { answer(index, $0) }
            }
        }
        return .later
    }
}
