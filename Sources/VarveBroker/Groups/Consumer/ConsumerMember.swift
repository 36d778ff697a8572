/// A member of a consumer group.
package struct ConsumerMember: Equatable, Sendable {
    /// How far a member has got on the way to its target. Source: Kafka's MemberState, whose
    /// numbers the records have.
    package enum State: Int8, Sendable {
        /// It has its target of the epoch it is in.
        case stable = 0
        /// It was told to give partitions up and has not said yet that it did.
        case revoking = 1
        /// It waits for partitions that others have not given up yet.
        case waiting = 2
    }

    package internal(set) var id: String
    package internal(set) var instanceID: String?
    package internal(set) var rackID: String?
    package internal(set) var clientID = ""
    package internal(set) var clientHost = ""
    /// Milliseconds that it may take to give partitions up.
    package internal(set) var rebalanceTimeout: Int64 = 300_000
    package internal(set) var topicNames: [String] = []
    /// A regular expression over topic names; nil for none.
    package internal(set) var topicPattern: String?
    package internal(set) var assignor: String?
    /// What it said by the classic protocol; nil for a member of the consumer protocol.
    package internal(set) var classic: ClassicTerms?

    package internal(set) var epoch: Int32 = 0
    /// The epoch before, with which it may come when an answer was lost.
    package internal(set) var previousEpoch: Int32 = 0
    package internal(set) var state = State.stable
    /// What it may use.
    package internal(set) var assigned: PartitionSet = []
    /// What it may still use, and must give up.
    package internal(set) var revoked: PartitionSet = []
    /// What it is to have once all members have got there.
    package internal(set) var target: PartitionSet = []

    /// When it counts as dead, in monotonic milliseconds.
    var sessionDeadline: Int64 = 0
    /// Until when it must have given partitions up, the same; nil while there are none.
    var revocationDeadline: Int64?

    /// What a member of the classic protocol joined with.
    package struct ClassicTerms: Equatable, Sendable {
        /// Milliseconds.
        package internal(set) var sessionTimeout: Int64
        /// In the member's order of preference; never empty. The first is the one it works by.
        package internal(set) var protocols: [GroupProtocol]
        /// Until when it must have joined, where it was told to, or have asked for what it is
        /// assigned, where it joined; nil when nothing is due of it.
        var dueBy: Int64?
    }

    init(id: String) { self.id = id }

    /// A static member that is away for a moment, and will be back under another id.
    var isPaused: Bool { epoch == ConsumerHeartbeat.pausing }
}
