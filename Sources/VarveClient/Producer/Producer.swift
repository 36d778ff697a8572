package import VarveRecords

package final class Producer: Sendable {
    package let configuration: ProducerConfiguration

    package init(_ cluster: Cluster, _ configuration: ProducerConfiguration = .init()) {
        self.configuration = configuration
    }

    package func send(
        topic: String, partition: Int32? = nil, _ record: Record
    ) async throws(ClientError) -> (partition: Int32, offset: Int64) { throw .closed }

    package func enqueue(
        topic: String, partition: Int32? = nil, _ record: Record,
        completion: @escaping @Sendable (
            Result<(partition: Int32, offset: Int64), ClientError>
        ) -> Void
    ) async throws(ClientError) { throw .closed }

    package func flush() async throws(ClientError) { throw .closed }

    package func close() async {}
}
