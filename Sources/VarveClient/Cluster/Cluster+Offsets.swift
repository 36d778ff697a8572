internal import VarvePlatform
internal import VarveWire

/// Who commits: a member of the group in one of its generations.
struct GroupIdentity: Sendable, Equatable {
    var memberID: String
    var generation: Int32
    var instanceID: String?
}

extension Cluster {
    /// Asks one broker for offsets of partitions that it leads. Errors are in the answers.
    func listOffsets(
        _ queries: [(TopicPartition, OffsetQuery)], from broker: Int32, isolation: IsolationLevel
    ) async throws(ClientError) -> [(TopicPartition, ErrorCode, ListedOffset)] {
        var request = ListOffsetsRequest()
        request.replicaId = -1
        request.isolationLevel = isolation.rawValue
        request.timeoutMs = Int32(clamping: configuration.requestTimeoutMilliseconds)
        request.topics = Dictionary(grouping: queries, by: \.0.topic).map { name, members in
            var topic = ListOffsetsRequest.Topic()
            topic.name = name
            topic.partitions = members.map { target, query in
                var partition = ListOffsetsRequest.Partition()
                partition.partitionIndex = target.partition
                // Kafka's special timestamps (ListOffsetsRequest.java).
                switch query {
                case .latest: partition.timestamp = -1
                case .earliest: partition.timestamp = -2
                case .maxTimestamp: partition.timestamp = -3
                case .timestamp(let time): partition.timestamp = max(0, time)
                }
                return partition
            }
            return topic
        }
        let (response, version) = try await send(request, to: .broker(broker))
        if version < 7, queries.contains(where: { $0.1 == .maxTimestamp }) {
            throw .unsupported(.listOffsets, "the greatest timestamp")
        }
        return response.topics.flatMap { topic in
            topic.partitions.map {
                (
                    TopicPartition(topic: topic.name, partition: $0.partitionIndex), $0.errorCode,
                    ListedOffset(offset: $0.offset, timestamp: $0.timestamp)
                )
            }
        }
    }

    /// The committed offsets of a group (nil: all it has), asked once. Partitions without one are
    /// left out.
    /// - Parameter requireStable: offsets of open transactions are waited for (KIP-447).
    func fetchOffsets(
        of groupID: String, _ partitions: [TopicPartition]?, requireStable: Bool
    ) async throws(ClientError) -> [TopicPartition: CommittedOffset] {
        let topics = partitions.map { partitions in
            Dictionary(grouping: partitions, by: \.topic).map { name, members in
                var topic = OffsetFetchRequest.Topic()
                topic.name = name
                topic.partitionIndexes = members.map(\.partition)
                return topic
            }
        }
        // Up to version 7 the request is for one group, from 8 on for several; 10 names topics by
        // id only.
        var group = OffsetFetchRequest.Group()
        group.groupId = groupID
        group.topics = topics
        var request = OffsetFetchRequest()
        request.groupId = groupID
        request.topics = topics
        request.groups = [group]
        request.requireStable = requireStable
        let (response, version) = try await sendToCoordinator(
            of: groupID, request, versionMax: 9)
        let code = version < 8 ? response.errorCode : response.groups.first?.errorCode ?? .none
        noteCoordinatorError(code, of: groupID)
        guard code == .none else { throw .kafka(code, "offsets of group \(groupID)") }
        var result: [TopicPartition: CommittedOffset] = [:]
        for topic in version < 8 ? response.topics : response.groups.first?.topics ?? [] {
            for partition in topic.partitions {
                let target = TopicPartition(
                    topic: topic.name, partition: partition.partitionIndex)
                guard partition.errorCode == .none else {
                    noteCoordinatorError(partition.errorCode, of: groupID)
                    throw .kafka(partition.errorCode, "offset of group \(groupID), \(target)")
                }
                guard partition.committedOffset >= 0 else { continue }
                result[target] = CommittedOffset(
                    offset: partition.committedOffset, metadata: partition.metadata)
            }
        }
        return result
    }

    /// Commits offsets once.
    /// - Parameter member: nil: from outside the group, which must have no members.
    func commitOffsets(
        of groupID: String, _ offsets: [TopicPartition: Int64], as member: GroupIdentity?
    ) async throws(ClientError) {
        var request = OffsetCommitRequest()
        request.groupId = groupID
        request.memberId = member?.memberID ?? ""
        request.generationIdOrMemberEpoch = member?.generation ?? -1
        request.groupInstanceId = member?.instanceID
        request.topics = Dictionary(grouping: offsets, by: \.key.topic).map { name, members in
            var topic = OffsetCommitRequest.Topic()
            topic.name = name
            topic.partitions = members.map { target, offset in
                var partition = OffsetCommitRequest.Partition()
                partition.partitionIndex = target.partition
                partition.committedOffset = offset
                partition.committedMetadata = ""
                return partition
            }
            return topic
        }
        // Version 10 names topics by id only.
        let response = try await sendToCoordinator(
            of: groupID, request, versionMax: 9
        ).response
        for topic in response.topics {
            for partition in topic.partitions where partition.errorCode != .none {
                noteCoordinatorError(partition.errorCode, of: groupID)
                throw .kafka(
                    partition.errorCode,
                    "commit of group \(groupID), \(topic.name)-\(partition.partitionIndex)")
            }
        }
    }
}
