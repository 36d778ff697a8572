internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// TxnOffsetCommit (28): offsets that count when the transaction commits. Answered when they are
/// durable. Source: KIP-98, KIP-447, KIP-890.
enum TxnOffsetCommitHandler: RequestHandler {
    typealias Request = TxnOffsetCommitRequest
    private typealias Answer = TxnOffsetCommitResponse.Partition

    static func handle(
        _ request: TxnOffsetCommitRequest, context: RequestContext
    ) -> Reply<TxnOffsetCommitResponse> {
        var committer = OffsetCommitter()
        committer.memberID = request.memberId
        committer.instanceID = request.groupInstanceId
        committer.generation = request.generationId

        if let error = context.refusal(.write, .transactionalID(request.transactionalId))
            ?? context.refusal(.read, .group(request.groupId))
        {
            return .now(response(request) { _, _ in error })
        }
        let broker = context.broker
        var admission = OffsetAdmission(
            metadataBytesMax: broker.groups.settings.offsetMetadataBytesMax)
        // Answers that stand already; nil where the commit decides.
        let checked: [[ErrorCode?]] = request.topics.map { topic in
            let named = context.topic(topic.name, for: .read)
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
        let slot = context.slot(TxnOffsetCommitRequest.self)
        let version = context.version
        broker.transactions.commitOffsets(
            admission.offsets, of: request.groupId, by: committer, in: request.transactionalId,
            ProducerIdentity(id: request.producerId, epoch: request.producerEpoch),
            addsGroup: version >= TransactionErrors.offsetsAddsSince
        ) { error in
            let error = TransactionErrors.offsets(error, version: version)
            slot.complete(response(request) { checked[$0][$1] ?? error })
        }
        return .later
    }

    /// - Parameter code: of a topic's and a partition's place in the request.
    private static func response(
        _ request: TxnOffsetCommitRequest, _ code: (Int, Int) -> ErrorCode
    ) -> TxnOffsetCommitResponse {
        TxnOffsetCommitResponse {
            $0.topics = request.topics.enumerated().map { place, topic in
                TxnOffsetCommitResponse.Topic {
                    $0.name = topic.name
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
