/// Keeps a member in its group.
package struct HeartbeatRequest: WireRequest {
    package typealias Response = HeartbeatResponse
    package static let api = ApiKey.heartbeat

    package var groupId: String = ""
    package var generationId: Int32 = 0
    package var memberId: String = ""
    package var groupInstanceId: String?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&groupId)
        try c.int32(&generationId)
        try c.string(&memberId)
        if c.version >= 3 { try c.string(&groupInstanceId) }
        try c.tags()
    }
}
