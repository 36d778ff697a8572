/// How a data directory is opened.
package struct DataDirectoryOptions: Sendable {
    /// What topics use where they set nothing themselves.
    package var topicDefaults = TopicConfiguration()
    package var commit = CommitMode.threads(syncers: 8)
    /// Producers that have not written for so long are forgotten (`producer.id.expiration.ms`).
    package var producerExpiryMilliseconds = ProducerState.defaultExpiryMilliseconds
    /// The most partitions of all topics together (I8): each costs some memory even when idle.
    package var partitionsMax = 20_000
    /// The broker's number, kept in meta.json when the directory is made.
    package var nodeID: Int32 = 1

    package init() {}

    package init(
        topicDefaults: TopicConfiguration = .init(), commit: CommitMode = .threads(syncers: 8)
    ) {
        self.topicDefaults = topicDefaults
        self.commit = commit
    }
}
