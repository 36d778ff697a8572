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
        for (index, name) in names.enumerated() {
            context.broker.groups.delete(name) { error in
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
        }
        return .later
    }
}
