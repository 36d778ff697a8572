/// Asks for the state and members of consumer groups (KIP-848).
package struct ConsumerGroupDescribeRequest: WireRequest {
    package typealias Response = ConsumerGroupDescribeResponse
    package static let api = ApiKey.consumerGroupDescribe

    package var groupIds: [String] = []
    package var includeAuthorizedOperations: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&groupIds)
        try c.bool(&includeAuthorizedOperations)
        try c.tags()
    }
}
