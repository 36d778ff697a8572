internal import VarveLog
internal import VarveWire

/// OffsetDelete (47): forgets offsets of topics that no member reads (KIP-496).
enum OffsetDeleteHandler: RequestHandler {
    typealias Request = OffsetDeleteRequest

    static func handle(
        _ request: OffsetDeleteRequest, context: RequestContext
    ) -> Reply<OffsetDeleteResponse> {
        var known: [(topic: String, partition: Int32)] = []
        let isKnown: [[Bool]] = request.topics.map { topic in
            let found = context.broker.directory.topic(topic.name)
            return topic.partitions.map { partition in
                guard
                    let found, found.partitions.indices.contains(Int(partition.partitionIndex))
                else { return false }
                known.append((topic.name, partition.partitionIndex))
                return true
            }
        }
        let slot = context.slot(OffsetDeleteRequest.self)
        context.broker.groups.deleteOffsets(request.groupId, known) { error, answers in
            var response = OffsetDeleteResponse()
            response.errorCode = error
            if error == .none {
                var next = answers.makeIterator()
                response.topics = zip(request.topics, isKnown).map { topic, isKnown in
                    OffsetDeleteResponse.Topic {
                        $0.name = topic.name
                        $0.partitions = zip(topic.partitions, isKnown).map { asked, isKnown in
                            OffsetDeleteResponse.Partition {
                                $0.partitionIndex = asked.partitionIndex
                                $0.errorCode =
                                    isKnown ? next.next() ?? .none : .unknownTopicOrPartition
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
