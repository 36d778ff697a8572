package import VarvePlatform

/// Brings the leader's assignments, and asks for the member's own.
package struct SyncGroupRequest: WireRequest {
    package typealias Response = SyncGroupResponse
    package static let api = ApiKey.syncGroup

    package var groupId: String = ""
    package var generationId: Int32 = 0
    package var memberId: String = ""
    package var groupInstanceId: String?
    package var protocolType: String?
    package var protocolName: String?
    package var assignments: [Assignment] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&groupId)
        try c.int32(&generationId)
        try c.string(&memberId)
        if c.version >= 3 { try c.string(&groupInstanceId) }
        if c.version >= 5 {
            try c.string(&protocolType)
            try c.string(&protocolName)
        }
        try c.array(&assignments)
        try c.tags()
    }

    /// What one member is assigned; for consumers a `ConsumerAssignment`.
    package struct Assignment: WireValue {
        package var memberId: String = ""
        package var assignment = ByteSlice()

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&memberId)
            try c.bytes(&assignment)
            try c.tags()
        }
    }
}
