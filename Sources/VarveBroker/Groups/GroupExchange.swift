package import VarvePlatform
package import VarveWire

/// A request that waits inside a group, by a number that its caller chose.
package struct Ticket: Hashable, Sendable {
    package let number: UInt64
    package init(_ number: UInt64) { self.number = number }
}

/// One moment on both clocks: deadlines run on the monotonic one, records carry the wall's.
package struct GroupTime: Sendable {
    package let monotonic: Int64
    package let wall: Int64

    package init(monotonic: Int64, wall: Int64) {
        self.monotonic = monotonic
        self.wall = wall
    }
}

/// What decides a group's behaviour beside its events. Times in milliseconds.
package struct GroupLimits: Sendable {
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more first members.
    package var initialRebalanceDelay: Int64 = 3000
    /// `group.max.size`.
    package var membersMax = Int(Int32.max)
    /// Ids handed out whose owners have not come back with them, at one time (I8).
    package var pendingMembersMax = 10_000
    /// How long a member that never got an answer may stay parked. Source: Kafka's
    /// `classicGroupNewMemberJoinTimeoutMs`.
    package var newMemberTimeout: Int64 = 300_000

    package init() {}
}

/// A JoinGroup request, independent of its version. Times in milliseconds.
package struct GroupJoin: Sendable {
    package var memberID = ""
    package var instanceID: String?
    package var clientID = ""
    package var clientHost = ""
    package var protocolType = "consumer"
    package var protocols: [GroupProtocol] = []
    package var sessionTimeout: Int64 = 10_000
    package var rebalanceTimeout: Int64 = 60_000
    /// A dynamic member must come back with an id of ours before it counts (KIP-394, v4 on).
    package var requiresKnownMemberID = false
    /// The member can be told that nothing changed (KIP-814, v9 on).
    package var canSkipAssignment = false

    package init() {}
}

package struct JoinAnswer: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package let id: String
        package let instanceID: String?
        package let metadata: ByteSlice
    }

    package var error: ErrorCode
    package var memberID: String
    package var generation: Int32 = -1
    package var protocolType: String?
    package var protocolName: String?
    package var leader = ""
    package var skipAssignment = false
    /// Only the leader gets them.
    package var members: [Member] = []

    package static func failed(_ error: ErrorCode, memberID: String) -> JoinAnswer {
        JoinAnswer(error: error, memberID: memberID)
    }
}

package struct GroupSync: Sendable {
    package var memberID = ""
    package var instanceID: String?
    package var generation: Int32 = -1
    /// Checked where the request's version carries them.
    package var protocolType: String?
    package var protocolName: String?
    package var assignments: [String: ByteSlice] = [:]

    package init() {}
}

package struct SyncAnswer: Equatable, Sendable {
    package var error: ErrorCode
    package var protocolType: String?
    package var protocolName: String?
    package var assignment = ByteSlice()

    package static func failed(_ error: ErrorCode) -> SyncAnswer { SyncAnswer(error: error) }
}

/// What the outside has to do after an event, in this order.
package enum GroupEffect: Sendable {
    case joined(Ticket, JoinAnswer)
    case synced(Ticket, SyncAnswer)
    /// Make the group's record durable, then call `Group.stored` with the purpose.
    case store(GroupStorePurpose, GroupSnapshot)
}

/// Why a group's record is written, given back when it is durable.
package enum GroupStorePurpose: Equatable, Sendable {
    /// The leader's assignment of a generation.
    case assignment(generation: Int32, [String: ByteSlice])
    /// A static member came back under a new id.
    case replacement(memberID: String, Ticket, JoinAnswer)
    /// The last member is gone.
    case emptied
}

/// A group as its record in `__consumer_offsets` has it. Times in milliseconds.
package struct GroupSnapshot: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var id: String
        package var instanceID: String?
        package var clientID: String
        package var clientHost: String
        package var rebalanceTimeout: Int64
        package var sessionTimeout: Int64
        package var subscription: ByteSlice
        package var assignment: ByteSlice
    }

    package var protocolType: String?
    package var generation: Int32
    package var protocolName: String?
    package var leader: String?
    /// Wall time of the last change of state; -1 when the record does not say.
    package var stateSince: Int64
    package var members: [Member]
}
