/// How a data directory is opened.
package struct DataDirectoryOptions: Sendable {
    /// What topics use where they set nothing themselves.
    package var topicDefaults = TopicConfiguration()
    package var commit = CommitMode.threads(syncers: 8)
    /// So many partitions that wait for their syncs get one for all of them together, where the
    /// file system can do that.
    package var syncedTogetherMin = 4
    /// Bytes of each of the journal's two files, into which such partitions go where they have
    /// little to sync; 0 for no journal.
    package var journalBytes: Int64 = 64 << 20
    /// Producers that have not written for so long are forgotten (`producer.id.expiration.ms`).
    package var producerExpiryMilliseconds = ProducerState.defaultExpiryMilliseconds
    /// The most producers that all partitions together remember (I8), about 300 bytes each. Beyond
    /// them the partitions with the most forget their longest unused, within about a second.
    package var producersMax = 200_000
    /// The most partitions of all topics together (I8): each costs some memory even when idle.
    package var partitionsMax = 20_000
    /// Segment files that all partitions together keep open (I8). Beyond it the least recently
    /// used is closed; one with unsynced bytes never is.
    package var openFilesMax = 1000
    /// Bytes set aside for what must go on when the disk is full; 0 gives back what an earlier
    /// start has set aside, nil (for tools that open a broker's directory) leaves that alone.
    package var reserveBytes: Int64?
    /// Bytes of all topics beyond which appends are refused, except to internal ones; nil for any
    /// number.
    package var quotaBytes: Int64?
    /// From this part of a quota on a line in the log warns of it, 1 to 100.
    package var quotaWarningPercent = 80
    /// Threads that open, close and make partitions side by side; nil for one where commits are
    /// manual, so that a simulated run is the same each time, and else `defaultWorkers`.
    package var workers: Int?
    /// Eight: opening waits for the disk more than it computes, and so a few threads per processor
    /// of a small machine do best; a sync takes about as long beside seven others as alone.
    package static let defaultWorkers = 8

    var workersInForce: Int {
        if let workers { return max(1, workers) }
        if case .manual = commit { return 1 }
        return Self.defaultWorkers
    }

    /// Believe no seal and no mark about the contents of segments: read and verify every batch.
    package var readsEverything = false

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
