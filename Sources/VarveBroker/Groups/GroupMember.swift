package import VarvePlatform

/// One way to assign partitions that a member offers, with its metadata for it.
package struct GroupProtocol: Hashable, Sendable {
    package let name: String
    package let metadata: ByteSlice

    package init(name: String, metadata: ByteSlice) {
        self.name = name
        self.metadata = metadata
    }
}

/// A member of a group. All deadlines are monotonic milliseconds.
package struct GroupMember: Sendable {
    package let id: String
    /// The static member's own name (KIP-345); nil for a dynamic member.
    package let instanceID: String?
    package internal(set) var clientID: String
    package internal(set) var clientHost: String
    package internal(set) var sessionTimeout: Int64
    package internal(set) var rebalanceTimeout: Int64
    /// In the member's order of preference.
    package internal(set) var protocols: [GroupProtocol]
    /// What the leader gave it in the current generation; empty before that.
    package internal(set) var assignment = ByteSlice()
    /// Members are told apart by age: the first to join leads.
    let number: UInt64
    /// Never yet answered: it cannot beat, since it does not know its own id.
    var isNew: Bool
    var deadline: Int64
    var parkedJoin: Ticket?
    var parkedSync: Ticket?

    /// A member that waits for an answer of ours cannot be expected to beat.
    var isExcused: Bool { !isNew && (parkedJoin != nil || parkedSync != nil) }

    func supports(_ name: String) -> Bool { protocols.contains { $0.name == name } }

    /// Its metadata for the protocol `name`; empty when it does not offer it.
    package func metadata(for name: String?) -> ByteSlice {
        protocols.first { $0.name == name }?.metadata ?? ByteSlice()
    }
}
