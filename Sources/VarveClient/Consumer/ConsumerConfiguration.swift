package import VarveRecords

/// Where a consumer starts in a partition without a committed offset, or when its offset is gone.
package enum OffsetReset: Sendable, Equatable {
    case earliest
    case latest
    /// `poll` throws `.kafka(.offsetOutOfRange, …)`.
    case error
}

/// Which records of open and aborted transactions a consumer sees (KIP-98).
package enum IsolationLevel: Int8, Sendable {
    case readUncommitted = 0
    case readCommitted = 1
}

/// How a consumer group divides its partitions, by Kafka's names.
package enum PartitionAssignor: String, Sendable, CaseIterable {
    /// Neighbouring partitions of each topic together; everything is given up at each rebalance.
    case range = "range"
    /// Even, and members keep what they have; only what moves is given up (KIP-429).
    case cooperativeSticky = "cooperative-sticky"
}

/// How a consumer joins its group and fetches. Defaults are Kafka's unless said otherwise.
package struct ConsumerConfiguration: Sendable {
    /// Nil: no group; partitions come from `Consumer.assign` and nothing can be committed.
    package var groupID: String?
    /// What to subscribe to; needs a group.
    package var topics: [String] = []
    /// What this member can do, the best first. The group takes one that all its members have.
    package var assignors: [PartitionAssignor] = [.cooperativeSticky, .range]
    /// A name that survives restarts: the member comes back within the session timeout without a
    /// rebalance (KIP-345). It is not removed from the group by `close`.
    package var groupInstanceID: String?
    /// A member that is not heard of for so long is removed from the group.
    package var sessionTimeoutMilliseconds: Int64 = 45_000
    /// How long the group waits for this member to rejoin, `revoked` listeners included.
    package var rebalanceTimeoutMilliseconds: Int64 = 300_000
    /// A third of the session or less, so that a lost one does no harm.
    package var heartbeatIntervalMilliseconds: Int64 = 3_000
    /// Kafka's default is latest; a worker that starts should miss nothing.
    package var autoOffsetReset: OffsetReset = .earliest
    /// One fetch response carries about so many bytes at most.
    package var fetchBytesMax = 16 << 20
    /// The same for each partition in it; the first batch comes whole even if it is larger.
    package var partitionBytesMax = 1 << 20
    /// The broker answers at once when it has so many bytes.
    package var fetchBytesMin = 1
    /// The broker holds an empty fetch for so long.
    package var fetchWaitMilliseconds: Int64 = 500
    /// Kafka's Java client reads uncommitted by default, librdkafka committed.
    package var isolation: IsolationLevel = .readCommitted
    /// When fetched and not yet polled batches take so much memory, still compressed, nothing more
    /// is fetched; what was under way by then may come to as much again (I8).
    package var prefetchBytesMax = 32 << 20
    /// One `poll` stops adding batches when it has so many records.
    package var pollRecordsMax = 5_000
    /// One `poll` stops adding batches when their records have so many bytes. The batch that passes
    /// it is handed over whole.
    package var pollBytesMax = 8 << 20
    /// A batch that decompresses to more is refused (I8).
    package var batchDecompressedBytesMax = RecordBatch.decompressedBytesMax
    /// Verify each batch's CRC-32C (I2).
    package var checkChecksums = true
    /// Subscribing creates topics that are not there, where the broker allows it. Kafka's default
    /// is true; a misspelled name should not make a topic.
    package var allowAutoTopicCreation = false

    package init(groupID: String? = nil, topics: [String] = []) {
        self.groupID = groupID
        self.topics = topics
    }
}

/// Told by a consumer when partitions come and go. The calls come one at a time, from a task of the
/// consumer's own, never while another is running.
package protocol RebalanceListener: Sendable {
    /// These are ours now. `poll` returns their records once this has returned.
    func assigned(_ partitions: [TopicPartition]) async
    /// These are about to be given up: finish what is in flight and commit. They are ours until
    /// this returns, as long as it returns within the rebalance timeout. `poll` returns no more of
    /// their records from before the call on.
    func revoked(_ partitions: [TopicPartition]) async
    /// These were taken away (the group timed us out): somebody else may have them already, and
    /// commits would be refused.
    func lost(_ partitions: [TopicPartition]) async
}

/// Records of one partition, as `Consumer.poll` returns them.
package struct FetchedRecords: Sendable {
    package var topic: String
    package var partition: Int32
    /// In offset order, with holes where compaction and transactions left them. May be empty where
    /// only aborted or control records were passed.
    package var records: [Record]
    /// What to commit when all of `records` are done with.
    package var nextOffset: Int64
    /// The end of what the broker showed when it answered; minus `nextOffset` it is the lag.
    package var highWatermark: Int64

    package init(
        topic: String, partition: Int32, records: [Record], nextOffset: Int64,
        highWatermark: Int64
    ) {
        self.topic = topic
        self.partition = partition
        self.records = records
        self.nextOffset = nextOffset
        self.highWatermark = highWatermark
    }

    /// Topic and partition in one.
    package var topicPartition: TopicPartition {
        TopicPartition(topic: topic, partition: partition)
    }
}
