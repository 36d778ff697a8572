/// Who leads a partition now; -1 where it is unknown. Produce and Fetch responses carry it, so that
/// a client whose idea of the leader is old need not ask for metadata first (KIP-951).
package struct LeaderIdAndEpoch: WireValue {
    package var leaderId: Int32 = -1
    package var leaderEpoch: Int32 = -1

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&leaderId)
        try c.int32(&leaderEpoch)
        try c.tags()
    }
}

/// Where a leader that a Produce or Fetch response names listens (KIP-951).
package struct NodeEndpoint: WireValue {
    package var nodeId: Int32 = 0
    package var host: String = ""
    package var port: Int32 = 0
    package var rack: String?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&nodeId)
        try c.string(&host)
        try c.int32(&port)
        try c.string(&rack)
        try c.tags()
    }
}
