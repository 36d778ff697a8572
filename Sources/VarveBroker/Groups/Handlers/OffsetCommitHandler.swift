internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// OffsetCommit (8). Answered when the offsets are durable. Topics by id from version 10 on.
enum OffsetCommitHandler: RequestHandler {
    typealias Request = OffsetCommitRequest
    private typealias Answer = OffsetCommitResponse.Partition

    private static let missingGroupsSince: Int16 = 9

    static func handle(
        _ request: OffsetCommitRequest, context: RequestContext
    ) -> Reply<OffsetCommitResponse> {
        var committer = OffsetCommitter()
        committer.memberID = request.memberId
        committer.instanceID = request.groupInstanceId
        committer.generation = request.generationIdOrMemberEpoch
        committer.knowsMissingGroups = context.version >= missingGroupsSince
        committer.retention = request.retentionTimeMs

        if let error = context.refusal(.read, .group(request.groupId)) {
            return .now(response(request) { _, _ in error })
        }
        let groups = context.broker.groups
        var admission = OffsetAdmission(metadataBytesMax: groups.settings.offsetMetadataBytesMax)
        // Answers that stand already; nil where the commit decides.
        let checked: [[ErrorCode?]] = request.topics.map { topic in
            let named = context.topic(topic.name, topic.topicId, for: .read)
            return topic.partitions.map { partition in
                let found: Topic
                switch named {
                case .found(let topic): found = topic
                case .refused(let code): return code
                }
                return admission.admit(
                    OffsetToCommit(
                        topic: found.name, partition: partition.partitionIndex,
                        offset: partition.committedOffset,
                        leaderEpoch: partition.committedLeaderEpoch,
                        metadata: partition.committedMetadata ?? ""), in: found)
            }
        }
        let slot = context.slot(OffsetCommitRequest.self)
        groups.commit(request.groupId, by: committer, admission.offsets) { error in
            slot.complete(response(request) { checked[$0][$1] ?? error })
        }
        return .later
    }

    /// - Parameter code: of a topic's and a partition's place in the request.
    private static func response(
        _ request: OffsetCommitRequest, _ code: (Int, Int) -> ErrorCode
    ) -> OffsetCommitResponse {
        OffsetCommitResponse {
            $0.topics = request.topics.enumerated().map { place, topic in
                OffsetCommitResponse.Topic {
                    $0.name = topic.name
                    $0.topicId = topic.topicId
                    $0.partitions = topic.partitions.enumerated().map { index, partition in
                        Answer {
                            $0.partitionIndex = partition.partitionIndex
                            $0.errorCode = code(place, index)
                        }
                    }
                }
            }
        }
    }
}
