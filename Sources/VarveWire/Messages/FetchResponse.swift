package import VarvePlatform

/// Whole record batches for each partition asked for.
package struct FetchResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    /// 0 where there is no session; clients then go on with full requests (KIP-227).
    package var sessionId: Int32 = 0
    package var responses: [Topic] = []
    package var nodeEndpoints: [NodeEndpoint] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 7 {
            try c.errorCode(&errorCode)
            try c.int32(&sessionId)
        }
        try c.array(&responses)
        try c.beginTags()
        try c.tag(0, since: 16, isDefault: nodeEndpoints.isEmpty) { c throws(WireError) in
            try c.array(&nodeEndpoints)
        }
        try c.endTags()
    }

    /// What was read from one topic.
    package struct Topic: WireValue {
        package var topic: String = ""
        package var topicId: UniqueID = .zero
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version <= 12 { try c.string(&topic) }
            if c.version >= 13 { try c.uuid(&topicId) }
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// What was read from one partition.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none
        package var highWatermark: Int64 = 0
        package var lastStableOffset: Int64 = -1
        package var logStartOffset: Int64 = -1
        package var divergingEpoch = EpochEndOffset()
        package var currentLeader = LeaderIdAndEpoch()
        package var snapshotId = SnapshotId()
        /// Transactions whose records a client that reads committed ones must drop.
        package var abortedTransactions: [AbortedTransaction]? = []
        /// -1 for the leader (KIP-392).
        package var preferredReadReplica: Int32 = -1
        /// Whole batches; the first may start below the offset asked for.
        package var records: ByteSlice?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.int64(&highWatermark)
            try c.int64(&lastStableOffset)
            if c.version >= 5 { try c.int64(&logStartOffset) }
            try c.array(&abortedTransactions)
            if c.version >= 11 { try c.int32(&preferredReadReplica) }
            try c.records(&records)
            try c.beginTags()
            try c.tag(0, isDefault: divergingEpoch == EpochEndOffset()) { c throws(WireError) in
                try divergingEpoch.code(&c)
            }
            try c.tag(1, isDefault: currentLeader == LeaderIdAndEpoch()) { c throws(WireError) in
                try currentLeader.code(&c)
            }
            try c.tag(2, isDefault: snapshotId == SnapshotId()) { c throws(WireError) in
                try snapshotId.code(&c)
            }
            try c.endTags()
        }
    }

    /// Where the log parts from what the fetcher has (KIP-595).
    package struct EpochEndOffset: WireValue {
        package var epoch: Int32 = -1
        package var endOffset: Int64 = -1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&epoch)
            try c.int64(&endOffset)
            try c.tags()
        }
    }

    /// Of the metadata quorum only (KIP-630).
    package struct SnapshotId: WireValue {
        package var endOffset: Int64 = -1
        package var epoch: Int32 = -1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int64(&endOffset)
            try c.int32(&epoch)
            try c.tags()
        }
    }

    /// An aborted transaction by its producer and its first offset.
    package struct AbortedTransaction: WireValue {
        package var producerId: Int64 = 0
        package var firstOffset: Int64 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int64(&producerId)
            try c.int64(&firstOffset)
            try c.tags()
        }
    }
}
