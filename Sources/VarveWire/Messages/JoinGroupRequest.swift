package import VarvePlatform

/// Joins a group, or rejoins it when it rebalances.
package struct JoinGroupRequest: WireRequest {
    package typealias Response = JoinGroupResponse
    package static let api = ApiKey.joinGroup

    package var groupId: String = ""
    package var sessionTimeoutMs: Int32 = 0
    /// -1 in version 0, where the session timeout stands for it.
    package var rebalanceTimeoutMs: Int32 = -1
    /// Empty at the first join.
    package var memberId: String = ""
    /// Names a static member (KIP-345).
    package var groupInstanceId: String?
    /// "consumer" for consumers, "connect" for Kafka Connect.
    package var protocolType: String = ""
    /// The assignors that the member can run, the preferred first.
    package var protocols: [GroupProtocol] = []
    package var reason: String?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&groupId)
        try c.int32(&sessionTimeoutMs)
        if c.version >= 1 { try c.int32(&rebalanceTimeoutMs) }
        try c.string(&memberId)
        if c.version >= 5 { try c.string(&groupInstanceId) }
        try c.string(&protocolType)
        try c.array(&protocols)
        if c.version >= 8 { try c.string(&reason) }
        try c.tags()
    }

    /// An assignor and what it needs to know of this member; for consumers `metadata` is a
    /// `ConsumerSubscription`.
    package struct GroupProtocol: WireValue {
        package var name: String = ""
        package var metadata = ByteSlice()

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.bytes(&metadata)
            try c.tags()
        }
    }
}
