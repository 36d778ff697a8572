internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// A topic as a request names it: the topic, or what the client is told instead.
enum NamedTopic {
    case found(Topic)
    case refused(ErrorCode)

    /// Its partition `index`, or what the client is told instead.
    func partition(_ index: Int32) -> Result<PartitionLog, NoPartition> {
        switch self {
        case .refused(let code): return .failure(NoPartition(code: code))
        case .found(let topic):
            guard let log = topic.partition(index) else {
                return .failure(NoPartition(code: .unknownTopicOrPartition))
            }
            return .success(log)
        }
    }
}

/// What a client is told instead of a partition.
struct NoPartition: Error {
    let code: ErrorCode
}

extension RequestContext {
    /// The topic a request names: by id where its version has ids, else by name. One that the
    /// client may not do `operation` to is refused by name whether it is there or not: who may not
    /// use a topic does not learn of it.
    /// - Parameter operation: nil where the client needs no right to this one topic.
    func topic(
        _ name: String, _ id: UniqueID = .zero, for operation: AccessOperation?
    ) -> NamedTopic {
        if let operation, id == .zero, let error = refusal(operation, .topic(name)) {
            return .refused(error)
        }
        guard let topic = broker.topic(name, id) else {
            return .refused(BrokerState.unknownTopic(id))
        }
        if let operation, id != .zero, let error = refusal(operation, .topic(topic.name)) {
            return .refused(error)
        }
        return .found(topic)
    }
}

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
