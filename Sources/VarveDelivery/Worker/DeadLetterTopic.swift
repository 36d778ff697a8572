internal import VarveClient
internal import VarvePlatform
internal import VarveRecords

/// The topic that takes a worker's dead letters. Made at the first letter, with no retention: a
/// dead letter is kept until somebody has dealt with it.
final class DeadLetterTopic: Sendable {
    private struct State {
        var isThere = false
        var producer: Producer?
    }

    private let cluster: Cluster
    private let name: String
    private let state = Lock(State())

    init(_ cluster: Cluster, name: String) {
        self.cluster = cluster
        self.name = name
    }

    /// Returns when the record is durable in the topic.
    func write(_ record: Record) async throws(ClientError) {
        if !state.withLock({ $0.isThere }) {
            try await create()
            state.withLock { $0.isThere = true }
        }
        let producer = state.withLock { state in
            if let producer = state.producer { return producer }
            var configuration = ProducerConfiguration()
            // The defaults of interest, said aloud: acknowledged by all, once each.
            configuration.acks = -1
            configuration.idempotent = true
            let producer = Producer(cluster, configuration)
            state.producer = producer
            return producer
        }
        _ = try await producer.send(topic: name, record)
    }

    func close() async {
        if let producer = state.withLock({ $0.producer }) { await producer.close() }
    }

    private func create() async throws(ClientError) {
        // Room for the largest event and the headers that come on top: an event that its own topic
        // could hold must not be refused here (D3).
        let topic = NewTopic(
            name, partitions: 1,
            configuration: ["retention.ms": "-1", "max.message.bytes": String(128 << 20)])
        do throws(ClientError) {
            try await Admin(cluster).createTopic(topic)
        } catch {
            if !error.isTopicExisting { throw error }
        }
    }
}
