/// The cluster's id and its brokers.
package struct DescribeClusterResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var endpointType: Int8 = 1
    package var clusterId: String = ""
    package var controllerId: Int32 = -1
    package var brokers: [Broker] = []
    /// A bit per ACL operation; the smallest number where it was not asked for.
    package var clusterAuthorizedOperations: Int32 = .min

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        if c.version >= 1 { try c.int8(&endpointType) }
        try c.string(&clusterId)
        try c.int32(&controllerId)
        try c.array(&brokers)
        try c.int32(&clusterAuthorizedOperations)
        try c.tags()
    }

    /// A broker and where clients reach it.
    package struct Broker: WireValue {
        package var brokerId: Int32 = 0
        package var host: String = ""
        package var port: Int32 = 0
        package var rack: String?
        package var isFenced: Bool = false

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&brokerId)
            try c.string(&host)
            try c.int32(&port)
            try c.string(&rack)
            if c.version >= 2 { try c.bool(&isFenced) }
            try c.tags()
        }
    }
}
