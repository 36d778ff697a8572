internal import VarveWire

/// What a group committed for one partition. Times in wall milliseconds.
package struct CommittedOffset: Equatable, Sendable {
    /// The next offset the group wants to read.
    package var offset: Int64
    /// Of the last record it read; -1 when the client did not say.
    package var leaderEpoch: Int32 = -1
    /// The client's own words.
    package var metadata = ""
    package var commitTime: Int64
    /// When the client itself wants it forgotten (OffsetCommit v2 to v4); -1 for the broker's rule.
    package var expireTime: Int64 = -1

    package init(
        offset: Int64, leaderEpoch: Int32 = -1, metadata: String = "", commitTime: Int64,
        expireTime: Int64 = -1
    ) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.commitTime = commitTime
        self.expireTime = expireTime
    }

    init(_ value: OffsetValue) {
        self.init(
            offset: value.offset, leaderEpoch: value.leaderEpoch, metadata: value.metadata,
            commitTime: value.commitTimestamp, expireTime: value.expireTimestamp)
    }

    /// As `__consumer_offsets` stores it. Version 3 as Burrow reads it; version 1 is the only one
    /// with an expiry of its own.
    var value: (OffsetValue, version: Int16) {
        var value = OffsetValue()
        value.offset = offset
        value.leaderEpoch = leaderEpoch
        value.metadata = metadata
        value.commitTimestamp = commitTime
        value.expireTimestamp = expireTime
        return (value, expireTime >= 0 ? 1 : 3)
    }
}

/// Committed offsets by topic and partition.
package typealias CommittedOffsets = [String: [Int32: CommittedOffset]]
