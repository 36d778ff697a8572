internal import VarveLog
internal import VarveWire

/// OffsetDelete (47): forgets offsets of topics that no member reads (KIP-496).
enum OffsetDeleteHandler: RequestHandler {
    typealias Request = OffsetDeleteRequest

    static func handle(
        _ request: OffsetDeleteRequest, context: RequestContext
    ) -> Reply<OffsetDeleteResponse> {
        if let error = context.refusal(.delete, .group(request.groupId)) {
            return .now(OffsetDeleteResponse { $0.errorCode = error })
        }
        var known: [(topic: String, partition: Int32)] = []
        // Answers that stand already; nil where the group decides.
        let checked: [[ErrorCode?]] = request.topics.map { topic in
            let found = context.topic(topic.name, for: .read)
            return topic.partitions.map { partition in
                if case .failure(let missing) = found.partition(partition.partitionIndex) {
                    return missing.code
                }
                known.append((topic.name, partition.partitionIndex))
                return nil
            }
        }
        let slot = context.slot(OffsetDeleteRequest.self)
        context.broker.groups.deleteOffsets(request.groupId, known) { error, answers in
            var response = OffsetDeleteResponse()
            response.errorCode = error
            if error == .none {
                var next = answers.makeIterator()
                response.topics = zip(request.topics, checked).map { topic, checked in
                    OffsetDeleteResponse.Topic {
                        $0.name = topic.name
                        $0.partitions = zip(topic.partitions, checked).map { asked, checked in
                            OffsetDeleteResponse.Partition {
                                $0.partitionIndex = asked.partitionIndex
                                $0.errorCode = checked ?? next.next() ?? .none
                            }
                        }
                    }
                }
            }
            slot.complete(response)
        }
        return .later
    }
}
