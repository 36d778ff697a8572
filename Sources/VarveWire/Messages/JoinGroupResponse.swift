package import VarvePlatform

/// The generation a member joined; the leader also learns of all members.
package struct JoinGroupResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var generationId: Int32 = -1
    package var protocolType: String?
    package var protocolName: String?
    /// The member id of the leader, which computes the assignments.
    package var leader: String = ""
    /// The leader need not compute assignments (KIP-814).
    package var skipAssignment: Bool = false
    package var memberId: String = ""
    package var members: [Member] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 2 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        try c.int32(&generationId)
        if c.version >= 7 { try c.string(&protocolType) }
        try c.string(&protocolName, orEmptyBefore: 7)
        try c.string(&leader)
        if c.version >= 9 { try c.bool(&skipAssignment) }
        try c.string(&memberId)
        try c.array(&members)
        try c.tags()
    }

    /// A member and its metadata for the chosen assignor; only the leader is told.
    package struct Member: WireValue {
        package var memberId: String = ""
        package var groupInstanceId: String?
        package var metadata = ByteSlice()

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&memberId)
            if c.version >= 5 { try c.string(&groupInstanceId) }
            try c.bytes(&metadata)
            try c.tags()
        }
    }
}
