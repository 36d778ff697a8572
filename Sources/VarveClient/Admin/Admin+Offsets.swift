internal import VarveWire

extension Admin {
    /// Looks up offsets of partitions with their leaders.
    package func listOffsets(
        _ queries: [TopicPartition: OffsetQuery], isolation: IsolationLevel = .readUncommitted
    ) async throws(ClientError) -> [TopicPartition: ListedOffset] {
        try await byLeader(Array(queries.keys)) { (broker, partitions) async throws(ClientError) in
            try await self.cluster.listOffsets(
                partitions.map { ($0, queries[$0]!) }, from: broker, isolation: isolation)
        }
    }

    /// The offsets a group has committed; nil: for all partitions it has any.
    package func groupOffsets(
        _ groupID: String, _ partitions: [TopicPartition]? = nil
    ) async throws(ClientError) -> [TopicPartition: CommittedOffset] {
        try await cluster.retrying { () async throws(ClientError) in
            try await cluster.fetchOffsets(of: groupID, partitions, requireStable: false)
        }
    }

    /// Sets the offsets of a group that has no members just now.
    /// - Throws: `.kafka(.unknownMemberId, …)` when it has.
    package func alterGroupOffsets(
        _ groupID: String, _ offsets: [TopicPartition: Int64]
    ) async throws(ClientError) {
        try await cluster.retrying { () async throws(ClientError) in
            try await cluster.commitOffsets(of: groupID, offsets, as: nil)
        }
    }

    /// Forgets what a group has committed for partitions that none of its members consumes.
    package func deleteGroupOffsets(
        _ groupID: String, _ partitions: [TopicPartition]
    ) async throws(ClientError) {
        var request = OffsetDeleteRequest()
        request.groupId = groupID
        request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, members in
            var topic = OffsetDeleteRequest.Topic()
            topic.name = name
            topic.partitions = members.map {
                var partition = OffsetDeleteRequest.Partition()
                partition.partitionIndex = $0.partition
                return partition
            }
            return topic
        }
        try await cluster.retrying { () async throws(ClientError) in
            let response = try await cluster.sendToCoordinator(of: groupID, request).response
            cluster.noteCoordinatorError(response.errorCode, of: groupID)
            guard response.errorCode == .none else {
                throw .kafka(response.errorCode, "group \(groupID)")
            }
            for topic in response.topics {
                for partition in topic.partitions where partition.errorCode != .none {
                    throw .kafka(
                        partition.errorCode, "\(topic.name)-\(partition.partitionIndex)")
                }
            }
        }
    }
}
