internal import VarveDelivery

/// Where a replay goes: a worker's sink, or a file.
protocol ReplayTarget: Sendable {
    var description: String { get }
    /// Makes it ready, or says why it is not.
    func begin() async throws(CommandError)
    /// Takes events of one partition, in order, and says what became of them when all of them
    /// have a verdict that is final.
    func deliver(_ events: [Event]) async throws(CommandError) -> ReplayOutcome
    /// Makes durable what was delivered.
    func end() async throws(CommandError)
    /// Gives up what was begun after an error.
    func abandon() async
}

/// What became of replayed events.
struct ReplayOutcome: Encodable, Equatable, Sendable {
    var delivered: Int64 = 0
    /// Left out by the worker's transforms.
    var dropped: Int64 = 0
    /// The sink will never take them, or a transform cannot.
    var refused: Int64 = 0
    /// Why the first one was refused.
    var firstReason: String?

    static func += (left: inout ReplayOutcome, right: ReplayOutcome) {
        left.delivered += right.delivered
        left.dropped += right.dropped
        left.refused += right.refused
        left.firstReason = left.firstReason ?? right.firstReason
    }
}
