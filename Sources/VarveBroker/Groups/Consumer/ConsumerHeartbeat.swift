package import VarveWire

/// A ConsumerGroupHeartbeat request, independent of its version. Nil is "as before".
package struct ConsumerHeartbeat: Sendable {
    /// The epochs that say something else than an epoch. Source: KIP-848.
    package static let joining: Int32 = 0
    package static let leaving: Int32 = -1
    package static let pausing: Int32 = -2

    package var memberID = ""
    package var epoch: Int32 = 0
    package var instanceID: String?
    package var rackID: String?
    package var clientID = ""
    package var clientHost = ""
    /// Milliseconds.
    package var rebalanceTimeout: Int64?
    package var topicNames: [String]?
    /// A regular expression; "" for none.
    package var topicPattern: String?
    package var assignor: String?
    package var owned: PartitionSet?
    /// Nil where the client may know of all topics.
    package var visible: VisibleTopics?

    package init() {}

    /// The member wants to hear of its whole assignment.
    var isFull: Bool {
        epoch == Self.joining || rebalanceTimeout != nil && topicNames != nil && owned != nil
    }

    /// Whether the request says what its member subscribes to.
    var namesTopics: Bool { topicNames != nil || topicPattern != nil }

    /// How much memory the member asks for, in bytes (I8).
    var byteCount: Int {
        let texts = [memberID, instanceID, rackID, clientID, topicPattern].map {
            $0?.utf8.count ?? 0
        }
        return (topicNames ?? []).reduce(texts.reduce(0, +)) { $0 + $1.utf8.count + 16 }
    }

    /// Why the request can be granted by no group; nil when it can. Source for the rules: Kafka's
    /// GroupMetadataManager.
    func refusal(_ limits: ConsumerLimits) -> ConsumerRefusal? {
        func invalid(_ message: String) -> ConsumerRefusal {
            ConsumerRefusal(error: .invalidRequest, message: message)
        }
        if instanceID == "" { return invalid("InstanceId can't be empty.") }
        if rackID == "" { return invalid("RackId can't be empty.") }
        if memberID.isEmpty { return invalid("MemberId can't be empty.") }
        switch epoch {
        case Self.joining:
            if rebalanceTimeout == nil {
                return invalid("RebalanceTimeoutMs must be provided in first request.")
            }
            if owned?.isEmpty != true {
                return invalid("TopicPartitions must be empty when (re-)joining.")
            }
            if !namesTopics {
                return invalid(
                    "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
                        + "(re-)joining.")
            }
        case Self.leaving: break
        case Self.pausing:
            if instanceID == nil { return invalid("InstanceId can't be null.") }
        case ..<0: return invalid("MemberEpoch is invalid.")
        default: break
        }
        if let assignor, !limits.assignors.contains(where: { $0.rawValue == assignor }) {
            let names = limits.assignors.map(\.rawValue).joined(separator: ", ")
            return ConsumerRefusal(
                error: .unsupportedAssignor,
                message: "ServerAssignor \(assignor) is not supported. Supported assignors: "
                    + "\(names).")
        }
        if byteCount > limits.memberBytesMax {
            return invalid("The subscription is larger than \(limits.memberBytesMax) bytes.")
        }
        return nil
    }
}

/// The topics that a client may know of: others do not match its regular expression.
package struct VisibleTopics: Sendable {
    /// Another number where the answers may have changed.
    package let version: UInt64
    package let contains: @Sendable (String) -> Bool

    package init(version: UInt64, contains: @escaping @Sendable (String) -> Bool) {
        self.version = version
        self.contains = contains
    }
}

/// Why a request of a consumer group's member is not granted.
package struct ConsumerRefusal: Error, Equatable, Sendable {
    package let error: ErrorCode
    package let message: String?

    package init(error: ErrorCode, message: String? = nil) {
        self.error = error
        self.message = message
    }
}

/// What a member is told.
package struct ConsumerAnswer: Equatable, Sendable {
    package var memberID: String
    package var epoch: Int32
    /// What it may use at once; nil where that is as it knows it.
    package var assignment: PartitionSet?
}

/// What decides a consumer group's behaviour beside its events. Times in milliseconds.
package struct ConsumerLimits: Sendable {
    /// `group.consumer.session.timeout.ms`.
    package var sessionTimeout: Int64 = 45_000
    /// `group.consumer.heartbeat.interval.ms`.
    package var heartbeatInterval: Int64 = 5_000
    /// `group.consumer.max.size`.
    package var membersMax = Int(Int32.max)
    /// `group.consumer.assignors`; the first is for members that do not choose.
    package var assignors: [Assignor] = [.uniform, .range]
    /// What one member may keep in memory (I8).
    package var memberBytesMax = 1 << 20
    /// Ids handed out to members of the classic protocol that have not come back with them, at one
    /// time (I8).
    package var pendingMembersMax = 10_000

    package init() {}
}
