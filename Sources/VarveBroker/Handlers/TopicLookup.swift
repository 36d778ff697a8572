internal import VarveLog
internal import VarvePlatform
internal import VarveWire

extension BrokerState {
    /// The topic a request names: by id where its version has ids, else by name.
    func topic(_ name: String, _ id: UniqueID) -> Topic? {
        id == .zero ? directory.topic(name) : directory.topic(id: id)
    }

    /// The error for a topic that `topic(_:_:)` does not find.
    static func unknownTopic(_ id: UniqueID) -> ErrorCode {
        id == .zero ? .unknownTopicOrPartition : .unknownTopicId
    }

    /// Topics that the broker keeps for itself; clients may read them.
    static func isInternal(_ name: String) -> Bool { internalTopics.contains(name) }

    static let offsetsTopic = "__consumer_offsets"
    static let transactionsTopic = "__transaction_state"
    private static let internalTopics: Set<String> = [
        offsetsTopic, transactionsTopic, "__share_group_state",
    ]

    /// Kafka's check of a client's idea of the leader epoch (KIP-320). Ours is always 0, that is
    /// `leaderEpoch`; -1 means that the client does not say.
    static func epochError(_ claimed: Int32) -> ErrorCode {
        if claimed == -1 || claimed == leaderEpoch { return .none }
        return claimed < leaderEpoch ? .fencedLeaderEpoch : .unknownLeaderEpoch
    }

    /// The epoch stamped into every batch: one broker leads everything from the start.
    static let leaderEpoch: Int32 = 0
}
