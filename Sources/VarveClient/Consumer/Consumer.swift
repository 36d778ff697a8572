package final class Consumer: Sendable {
    package let configuration: ConsumerConfiguration

    package init(
        _ cluster: Cluster, _ configuration: ConsumerConfiguration,
        rebalance: (any RebalanceListener)? = nil
    ) throws(ClientError) { self.configuration = configuration }

    package func poll(timeoutMilliseconds: Int) async throws(ClientError) -> [FetchedRecords] {
        throw .closed
    }

    package func commit(_ offsets: [TopicPartition: Int64]) async throws(ClientError) {
        throw .closed
    }

    package func committed(
        _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: Int64] { throw .closed }

    package func position(_ partition: TopicPartition) -> Int64? { nil }
    package func seek(_ partition: TopicPartition, to offset: Int64) throws(ClientError) {
        throw .closed
    }
    package func pause(_ partitions: [TopicPartition]) {}
    package func resume(_ partitions: [TopicPartition]) {}
    package var assignment: [TopicPartition] { [] }
    package func assign(_ partitions: [TopicPartition: Int64]) throws(ClientError) {
        throw .closed
    }
    package func close() async {}
}
