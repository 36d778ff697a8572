/// The brokers of one Kafka cluster, the connections to them and what is known of its topics.
package final class Cluster: Sendable {
    package let configuration: ClientConfiguration

    package init(_ configuration: ClientConfiguration) { self.configuration = configuration }

    package func metadata(
        topics: [String]?, allowAutoTopicCreation: Bool = false
    ) async throws(ClientError) -> ClusterMetadata {
        throw .closed
    }

    package func close() async {}
}
