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

        let broker = context.broker
        var admission = OffsetAdmission(
            metadataBytesMax: broker.groups.settings.offsetMetadataBytesMax)
        // Answers that stand already; nil where the commit decides.
        let checked: [[ErrorCode?]] = request.topics.map { topic in
            let found = broker.directory.topic(topic.name)
            return topic.partitions.map { partition in
                guard let found else { return .unknownTopicOrPartition }
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
            var response = TxnOffsetCommitResponse()
            response.topics = zip(request.topics, checked).map { topic, answers in
                TxnOffsetCommitResponse.Topic {
                    $0.name = topic.name
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
