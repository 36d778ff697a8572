package final class Admin: Sendable {
    package init(_ cluster: Cluster) {}

    package func createTopic(_ topic: NewTopic) async throws(ClientError) { throw .closed }
    package func createTopics(
        _ topics: [NewTopic], validateOnly: Bool = false
    ) async throws(ClientError) -> [AdminResult] { throw .closed }
    package func deleteTopics(_ names: [String]) async throws(ClientError) -> [AdminResult] {
        throw .closed
    }
    package func createPartitions(_ topic: String, total: Int32) async throws(ClientError) {
        throw .closed
    }
    package func topics(_ names: [String]? = nil) async throws(ClientError) -> [TopicDescription] {
        throw .closed
    }
    package func topicConfiguration(
        _ topic: String
    ) async throws(ClientError) -> [ConfigurationEntry] { throw .closed }
    package func brokerConfiguration(
        _ broker: Int32
    ) async throws(ClientError) -> [ConfigurationEntry] { throw .closed }
    package func alterTopicConfiguration(
        _ topic: String, set: [String: String], remove: [String] = []
    ) async throws(ClientError) { throw .closed }
    package func listOffsets(
        _ queries: [TopicPartition: OffsetQuery], isolation: IsolationLevel = .readUncommitted
    ) async throws(ClientError) -> [TopicPartition: ListedOffset] { throw .closed }
    package func listGroups() async throws(ClientError) -> [GroupListing] { throw .closed }
    package func describeGroups(
        _ groupIDs: [String]
    ) async throws(ClientError) -> [GroupDescription] { throw .closed }
    package func groupOffsets(
        _ groupID: String, _ partitions: [TopicPartition]? = nil
    ) async throws(ClientError) -> [TopicPartition: CommittedOffset] { throw .closed }
    package func alterGroupOffsets(
        _ groupID: String, _ offsets: [TopicPartition: Int64]
    ) async throws(ClientError) { throw .closed }
    package func deleteGroupOffsets(
        _ groupID: String, _ partitions: [TopicPartition]
    ) async throws(ClientError) { throw .closed }
    package func deleteGroups(_ groupIDs: [String]) async throws(ClientError) -> [AdminResult] {
        throw .closed
    }
    package func deleteRecords(
        before offsets: [TopicPartition: Int64]
    ) async throws(ClientError) -> [TopicPartition: Int64] { throw .closed }
}
