/// Asks how transactional ids stand.
package struct DescribeTransactionsRequest: WireRequest {
    package typealias Response = DescribeTransactionsResponse
    package static let api = ApiKey.describeTransactions

    /// None at all is answered with none.
    package var transactionalIds: [String] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&transactionalIds)
        try c.tags()
    }
}
