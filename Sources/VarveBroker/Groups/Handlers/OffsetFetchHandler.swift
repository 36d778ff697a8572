internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// OffsetFetch (9): one group up to version 7, several from version 8 on (KIP-709), topics by id
/// from version 10 on. A partition without an offset has -1 and no error. Members of the consumer
/// protocol say their epoch from version 9 on, and get nothing in one that is past.
enum OffsetFetchHandler: RequestHandler {
    typealias Request = OffsetFetchRequest
    private typealias Topic = OffsetFetchResponse.Topic
    private typealias Partition = OffsetFetchResponse.Partition

    private static let groupsSince: Int16 = 8
    private static let topicIDsSince: Int16 = 10

    static func handle(
        _ request: OffsetFetchRequest, context: RequestContext
    ) -> Reply<OffsetFetchResponse> {
        var response = OffsetFetchResponse()
        if context.version >= groupsSince {
            response.groups = request.groups.map { group in
                let refusal =
                    context.allows(.describe, .group(group.groupId))
                    ? context.broker.groups.fetchError(
                        group.groupId, memberID: group.memberId, epoch: group.memberEpoch) : nil
                let (error, topics) =
                    refusal.map { ($0, []) }
                    ?? fetch(
                        group.groupId, group.topics, isStable: request.requireStable, context)
                return OffsetFetchResponse.Group {
                    $0.groupId = group.groupId
                    $0.errorCode = error
                    $0.topics = topics
                }
            }
            return .now(response)
        }
        let (error, topics) = fetch(
            request.groupId, request.topics, isStable: request.requireStable, context)
        response.errorCode = error
        response.topics = topics
        return .now(response)
    }

    /// - Parameter asked: nil for everything that the group has committed.
    /// - Parameter isStable: offsets that an open transaction may change are refused (KIP-447).
    private static func fetch(
        _ groupID: String, _ asked: [OffsetFetchRequest.Topic]?, isStable: Bool,
        _ context: RequestContext
    ) -> (ErrorCode, [Topic]) {
        var (error, topics) = fetch(groupID, asked, context)
        guard error == .none, isStable else { return (error, topics) }
        let unstable = context.broker.groups.unstablePartitions(of: groupID)
        guard !unstable.isEmpty else { return (error, topics) }
        for topic in topics.indices {
            let name =
                context.version >= topicIDsSince
                ? context.broker.directory.topic(id: topics[topic].topicId)?.name ?? ""
                : topics[topic].name
            guard let partitions = unstable[name] else { continue }
            for index in topics[topic].partitions.indices
            where topics[topic].partitions[index].errorCode == .none
                && partitions.contains(topics[topic].partitions[index].partitionIndex)
            {
                topics[topic].partitions[index] = partition(
                    topics[topic].partitions[index].partitionIndex, nil, .unstableOffsetCommit)
            }
        }
        return (error, topics)
    }

    private static func fetch(
        _ groupID: String, _ asked: [OffsetFetchRequest.Topic]?, _ context: RequestContext
    ) -> (ErrorCode, [Topic]) {
        let groups = context.broker.groups
        if let error = context.refusal(.describe, .group(groupID))
            ?? groups.unavailability(of: groupID)
        {
            // Versions 0 and 1 have no place for the error but the partitions.
            guard context.version < 2 else { return (error, []) }
            return (error, (asked ?? []).map { answer($0, [:], error) })
        }
        let committed = groups.committedOffsets(of: groupID) ?? [:]
        guard let asked else { return (.none, everything(committed, context)) }
        return (
            .none,
            asked.map { topic in
                guard context.version >= topicIDsSince else {
                    // Offsets outlive their topic.
                    let error = context.refusal(.describe, .topic(topic.name))
                    return answer(
                        topic, error == nil ? committed[topic.name] ?? [:] : [:], error ?? .none)
                }
                switch context.topic("", topic.topicId, for: .describe) {
                case .found(let found):
                    return answer(topic, committed[found.name] ?? [:], .none)
                case .refused(let code): return answer(topic, [:], code)
                }
            }
        )
    }

    private static func answer(
        _ asked: OffsetFetchRequest.Topic, _ committed: [Int32: CommittedOffset],
        _ error: ErrorCode
    ) -> Topic {
        Topic {
            $0.name = asked.name
            $0.topicId = asked.topicId
            $0.partitions = asked.partitionIndexes.map {
                partition($0, committed[$0], error)
            }
        }
    }

    private static func everything(
        _ committed: CommittedOffsets, _ context: RequestContext
    ) -> [Topic] {
        committed.keys.sorted().compactMap { name in
            guard context.allows(.describe, .topic(name)) else { return nil }
            let found = context.broker.directory.topic(name)
            if context.version >= topicIDsSince && found == nil { return nil }
            return Topic {
                $0.name = name
                $0.topicId = found?.id ?? .zero
                $0.partitions = committed[name]!.sorted { $0.key < $1.key }.map {
                    partition($0.key, $0.value, .none)
                }
            }
        }
    }

    private static func partition(
        _ index: Int32, _ committed: CommittedOffset?, _ error: ErrorCode
    ) -> Partition {
        Partition {
            $0.partitionIndex = index
            $0.committedOffset = committed?.offset ?? -1
            $0.committedLeaderEpoch = committed?.leaderEpoch ?? -1
            $0.metadata = committed?.metadata ?? ""
            $0.errorCode = error
        }
    }
}
