internal import VarvePlatform
internal import VarveWire

/// What an operator does with a cluster: topics, configuration, offsets, groups.
///
/// Each call retries for the cluster's call timeout what time can mend, and asks the broker that
/// has to answer. Calls may overlap.
package final class Admin: Sendable {
    let cluster: Cluster

    package init(_ cluster: Cluster) { self.cluster = cluster }

    // MARK: - Topics

    /// Creates one topic.
    /// - Throws: `.kafka(.topicAlreadyExists, …)` and what else the broker objects to.
    package func createTopic(_ topic: NewTopic) async throws(ClientError) {
        if let error = try await createTopics([topic]).first?.error { throw error }
    }

    /// Creates topics and says of each how it went.
    /// - Parameter validateOnly: the broker only checks whether it would.
    package func createTopics(
        _ topics: [NewTopic], validateOnly: Bool = false
    ) async throws(ClientError) -> [AdminResult] {
        var request = CreateTopicsRequest()
        request.timeoutMs = Int32(clamping: cluster.configuration.requestTimeoutMilliseconds)
        request.validateOnly = validateOnly
        request.topics = topics.map { new in
            var topic = CreateTopicsRequest.Topic()
            topic.name = new.name
            topic.numPartitions = new.partitions
            topic.replicationFactor = new.replicationFactor
            topic.configs = new.configuration.sorted { $0.key < $1.key }.map {
                var entry = CreateTopicsRequest.Config()
                entry.name = $0.key
                entry.value = $0.value
                return entry
            }
            return topic
        }
        return try await onController { (target) async throws(ClientError) in
            let response = try await self.cluster.send(request, to: target).response
            return response.topics.map { ($0.name, $0.errorCode, $0.errorMessage) }
        }
    }

    /// Deletes topics with all their records and says of each how it went.
    package func deleteTopics(_ names: [String]) async throws(ClientError) -> [AdminResult] {
        var request = DeleteTopicsRequest()
        request.timeoutMs = Int32(clamping: cluster.configuration.requestTimeoutMilliseconds)
        // Up to version 5 by name alone, from 6 on by name or id.
        request.topicNames = names
        request.topics = names.map {
            var topic = DeleteTopicsRequest.Topic()
            topic.name = $0
            return topic
        }
        return try await onController { (target) async throws(ClientError) in
            let response = try await self.cluster.send(request, to: target).response
            return response.responses.map { ($0.name ?? "", $0.errorCode, $0.errorMessage) }
        }
    }

    /// Gives a topic more partitions.
    /// - Parameter total: how many it has afterwards; more than now.
    package func createPartitions(_ topic: String, total: Int32) async throws(ClientError) {
        var request = CreatePartitionsRequest()
        request.timeoutMs = Int32(clamping: cluster.configuration.requestTimeoutMilliseconds)
        var entry = CreatePartitionsRequest.Topic()
        entry.name = topic
        entry.count = total
        request.topics = [entry]
        let results = try await onController { (target) async throws(ClientError) in
            let response = try await self.cluster.send(request, to: target).response
            return response.results.map { ($0.name, $0.errorCode, $0.errorMessage) }
        }
        if let error = results.first?.error { throw error }
    }

    /// Topics with their partitions; nil: all of them, sorted by name. A topic that was named and
    /// is not there comes with its error.
    package func topics(_ names: [String]? = nil) async throws(ClientError) -> [TopicDescription] {
        try await cluster.metadata(topics: names).topics.sorted { $0.name < $1.name }
    }

    /// Deletes the records before the given offsets (-1: all that there are now).
    /// - Returns: the first offset that is left, by partition.
    package func deleteRecords(
        before offsets: [TopicPartition: Int64]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        try await byLeader(Array(offsets.keys)) { (broker, partitions) async throws(ClientError) in
            var request = DeleteRecordsRequest()
            request.timeoutMs = Int32(
                clamping: self.cluster.configuration.requestTimeoutMilliseconds)
            request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, members in
                var topic = DeleteRecordsRequest.Topic()
                topic.name = name
                topic.partitions = members.map {
                    var partition = DeleteRecordsRequest.Partition()
                    partition.partitionIndex = $0.partition
                    partition.offset = offsets[$0]!
                    return partition
                }
                return topic
            }
            let response = try await self.cluster.send(request, to: .broker(broker)).response
            return response.topics.flatMap { topic in
                topic.partitions.map {
                    (
                        TopicPartition(topic: topic.name, partition: $0.partitionIndex),
                        $0.errorCode, $0.lowWatermark
                    )
                }
            }
        }
    }

    // MARK: - Routing

    /// Asks the controller, looking for it anew when it is another broker by now. A single
    /// retriable error among the answers makes the whole request be repeated once it is the
    /// controller that changed; other answers stand.
    private func onController(
        _ body: (Cluster.Target) async throws(ClientError) -> [(String, ErrorCode, String?)]
    ) async throws(ClientError) -> [AdminResult] {
        try await cluster.retrying { () async throws(ClientError) in
            let metadata = try await cluster.metadata(topics: [])
            let target: Cluster.Target =
                metadata.broker(metadata.controllerID) == nil
                ? .any : .broker(metadata.controllerID)
            let answers = try await body(target)
            if let moved = answers.first(where: { $0.1 == .notController }) {
                throw .kafka(moved.1, moved.0)
            }
            return answers.map { name, code, message in
                AdminResult(
                    name: name, error: code == .none ? nil : .kafka(code, message ?? name))
            }
        }
    }

    /// Asks each partition's leader about its partitions, again where it is the wrong one by now.
    func byLeader<Value>(
        _ partitions: [TopicPartition],
        _ body: (Int32, [TopicPartition]) async throws(ClientError) -> [(
            TopicPartition, ErrorCode, Value
        )]
    ) async throws(ClientError) -> [TopicPartition: Value] {
        var left = Set(partitions)
        var results: [TopicPartition: Value] = [:]
        var isFresh = false
        try await cluster.retrying { () async throws(ClientError) in
            guard !left.isEmpty else { return }
            if isFresh || left.contains(where: { cluster.leader(of: $0) == nil }) {
                let metadata = try await cluster.metadata(
                    topics: Set(left.map(\.topic)).sorted())
                for topic in metadata.topics
                where topic.error != .none && !topic.error.isRetriable {
                    throw .kafka(topic.error, topic.name)
                }
                for partition in left {
                    // Asked for just now, so not being there is an answer and not a delay.
                    guard let topic = metadata.topic(partition.topic),
                        topic.error != .unknownTopicOrPartition,
                        topic.error != .none
                            || topic.partitions.contains(where: {
                                $0.partition == partition.partition
                            })
                    else { throw .invalid("there is no partition \(partition)") }
                }
            }
            isFresh = true
            var leaders: [Int32: [TopicPartition]] = [:]
            for partition in left {
                guard let leader = cluster.leader(of: partition) else {
                    throw .kafka(.leaderNotAvailable, "\(partition)")
                }
                leaders[leader, default: []].append(partition)
            }
            var failure: ClientError?
            for (leader, members) in leaders {
                for (partition, code, value) in try await body(leader, members.sorted()) {
                    if code == .none {
                        results[partition] = value
                        left.remove(partition)
                    } else {
                        failure = .kafka(code, "\(partition)")
                    }
                }
            }
            if let failure { throw failure }
            if let missing = left.min() { throw .wire(.invalid("no answer for \(missing)")) }
        }
        return results
    }
}
