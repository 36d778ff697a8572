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

        let groups = context.broker.groups
        var admission = OffsetAdmission(metadataBytesMax: groups.settings.offsetMetadataBytesMax)
        // Answers that stand already; nil where the commit decides.
        let checked: [[ErrorCode?]] = request.topics.map { topic in
            let found = context.broker.topic(topic.name, topic.topicId)
            return topic.partitions.map { partition in
                guard let found else { return BrokerState.unknownTopic(topic.topicId) }
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
            var response = OffsetCommitResponse()
            response.topics = zip(request.topics, checked).map { topic, answers in
                OffsetCommitResponse.Topic {
                    $0.name = topic.name
                    $0.topicId = topic.topicId
                    $0.partitions = zip(topic.partitions, answers).map { partition, answer in
                        Answer {
                            $0.partitionIndex = partition.partitionIndex
                            $0.errorCode = answer ?? error
                        }
                    }
                }
            }
            slot.complete(response)
        }
        return .later
    }
}
