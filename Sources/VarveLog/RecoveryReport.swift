/// What recovery found and did, for logs, `status` and tests.
package struct RecoveryReport: Sendable {
    package var partitions: [PartitionReport] = []
    /// What concerns whole topics, as sentences.
    package var notes: [String] = []

    /// Every range that was set aside, of all partitions.
    package var damages: [Damage] { partitions.flatMap(\.damages) }
    /// Bytes of record batches that had to be read.
    package var bytesScanned: Int64 { partitions.reduce(0) { $0 + $1.bytesScanned } }

    package init() {}
}

/// What recovery found in one partition.
package struct PartitionReport: Equatable, Sendable {
    package let topic: String
    package let partition: Int32
    /// The last stop was clean and nothing has changed since: no data was read.
    package var wasClean = false
    package var bytesScanned: Int64 = 0
    package var damages: [Damage] = []
    /// Smaller things that were put right, as sentences: indexes built anew, leftovers removed.
    package var notes: [String] = []
    /// Why the partition could not be recovered and is offline; nil when it is online.
    package var failure: LogError?

    package init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

/// A range of a segment that held no valid batch and was set aside (I5, I7).
package struct Damage: Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// Bytes that were durable, changed since.
        case corruption
        /// Bytes not yet durable, with valid batches behind them.
        case tornWrite = "torn-write"
        /// Bytes not yet durable, at the end.
        case tornTail = "torn-tail"
    }

    package let kind: Kind
    /// The segment's file.
    package let path: String
    package let position: Int64
    package let byteCount: Int64
    /// The first offset that is missing, and the next one that is there.
    package let firstOffset: Int64
    package let nextOffset: Int64
    /// Where the bytes are kept; empty where the file had lost them already.
    package let quarantine: String
}
