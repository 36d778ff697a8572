package import VarvePlatform

/// The brokers of the cluster and the topics asked for.
package struct MetadataResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var brokers: [Broker] = []
    package var clusterId: String?
    /// -1 where it is unknown.
    package var controllerId: Int32 = -1
    package var topics: [Topic] = []
    /// A bit per ACL operation; the smallest number where it was not asked for.
    package var clusterAuthorizedOperations: Int32 = .min
    package var errorCode = ErrorCode.none

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 3 { try c.int32(&throttleTimeMs) }
        try c.array(&brokers)
        if c.version >= 2 { try c.string(&clusterId) }
        if c.version >= 1 { try c.int32(&controllerId) }
        try c.array(&topics)
        if c.version >= 8 && c.version <= 10 { try c.int32(&clusterAuthorizedOperations) }
        if c.version >= 13 { try c.errorCode(&errorCode) }
        try c.tags()
    }

    /// A broker and where clients reach it.
    package struct Broker: WireValue {
        package var nodeId: Int32 = 0
        package var host: String = ""
        package var port: Int32 = 0
        package var rack: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&nodeId)
            try c.string(&host)
            try c.int32(&port)
            if c.version >= 1 { try c.string(&rack) }
            try c.tags()
        }
    }

    /// A topic, or why there is none to tell of.
    package struct Topic: WireValue {
        package var errorCode = ErrorCode.none
        package var name: String?
        package var topicId: UniqueID = .zero
        package var isInternal: Bool = false
        package var partitions: [Partition] = []
        /// A bit per ACL operation; the smallest number where it was not asked for.
        package var topicAuthorizedOperations: Int32 = .min

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&name, orEmptyBefore: 12)
            if c.version >= 10 { try c.uuid(&topicId) }
            if c.version >= 1 { try c.bool(&isInternal) }
            try c.array(&partitions)
            if c.version >= 8 { try c.int32(&topicAuthorizedOperations) }
            try c.tags()
        }
    }

    /// One partition and the brokers that hold it.
    package struct Partition: WireValue {
        package var errorCode = ErrorCode.none
        package var partitionIndex: Int32 = 0
        package var leaderId: Int32 = 0
        /// -1 switches the client's checks by epoch off (KIP-320).
        package var leaderEpoch: Int32 = -1
        package var replicaNodes: [Int32] = []
        package var isrNodes: [Int32] = []
        package var offlineReplicas: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.int32(&partitionIndex)
            try c.int32(&leaderId)
            if c.version >= 7 { try c.int32(&leaderEpoch) }
            try c.array(&replicaNodes)
            try c.array(&isrNodes)
            if c.version >= 5 { try c.array(&offlineReplicas) }
            try c.tags()
        }
    }
}
