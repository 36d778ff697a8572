/// Asks for the cluster's id and its brokers (KIP-700).
package struct DescribeClusterRequest: WireRequest {
    package typealias Response = DescribeClusterResponse
    package static let api = ApiKey.describeCluster

    package var includeClusterAuthorizedOperations: Bool = false
    /// 1 brokers, 2 controllers.
    package var endpointType: Int8 = 1
    package var includeFencedBrokers: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.bool(&includeClusterAuthorizedOperations)
        if c.version >= 1 { try c.int8(&endpointType) }
        if c.version >= 2 { try c.bool(&includeFencedBrokers) }
        try c.tags()
    }
}
