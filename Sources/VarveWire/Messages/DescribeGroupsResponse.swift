package import VarvePlatform

/// The state and members of groups.
package struct DescribeGroupsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var groups: [Group] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.array(&groups)
        try c.tags()
    }

    /// One group.
    package struct Group: WireValue {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var groupId: String = ""
        /// "Empty", "PreparingRebalance", "CompletingRebalance", "Stable" or "Dead".
        package var groupState: String = ""
        package var protocolType: String = ""
        /// The chosen assignor's name.
        package var protocolData: String = ""
        package var members: [Member] = []
        /// A bit per ACL operation; the smallest number where it was not asked for.
        package var authorizedOperations: Int32 = .min

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            if c.version >= 6 { try c.string(&errorMessage) }
            try c.string(&groupId)
            try c.string(&groupState)
            try c.string(&protocolType)
            try c.string(&protocolData)
            try c.array(&members)
            if c.version >= 3 { try c.int32(&authorizedOperations) }
            try c.tags()
        }
    }

    /// One member, with its metadata and assignment for the chosen assignor.
    package struct Member: WireValue {
        package var memberId: String = ""
        package var groupInstanceId: String?
        package var clientId: String = ""
        package var clientHost: String = ""
        package var memberMetadata = ByteSlice()
        package var memberAssignment = ByteSlice()

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&memberId)
            if c.version >= 4 { try c.string(&groupInstanceId) }
            try c.string(&clientId)
            try c.string(&clientHost)
            try c.bytes(&memberMetadata)
            try c.bytes(&memberAssignment)
            try c.tags()
        }
    }
}
