package import VarveRecords

/// How a producer batches and sends. Defaults are Kafka's, but for the codec.
package struct ProducerConfiguration: Sendable {
    /// -1: all in-sync replicas have it; 1: the leader has it; 0: nothing is answered, and offsets
    /// come back as -1. A Varve broker syncs to disk for both -1 and 1 (I1).
    package var acks: Int16 = -1
    /// Kafka's producers do not compress unless told to; LZ4 costs little and halves logs' bytes.
    package var codec: CompressionCodec = .lz4
    /// Batches carry a producer id and sequence numbers, so that a retry stores nothing twice
    /// (KIP-98). Takes effect with `acks` -1 only.
    package var idempotent = true
    /// How long a batch waits for more records (`linger.ms`).
    package var lingerMilliseconds: Int64 = 5
    /// A batch is closed at so many uncompressed bytes. Kafka's brokers take 1 048 588 by default.
    package var batchBytesMax = 1_000_000
    /// Records that are not yet answered take at most about so much memory; then `enqueue` waits.
    package var bufferBytesMax = 32 << 20
    /// A record that is not acknowledged in this time fails (`delivery.timeout.ms`).
    package var deliveryTimeoutMilliseconds: Int64 = 120_000
    /// At most so many produce requests are in flight to one broker. Brokers remember the last
    /// five batches of a producer, so idempotence allows no more (KIP-98).
    package var requestsInFlightMax = 5
    /// Produce creates a topic that is not there, where the broker allows it.
    package var allowAutoTopicCreation = true

    package init() {}
}
