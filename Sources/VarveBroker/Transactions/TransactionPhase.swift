/// Where a transactional id is between two transactions, by Kafka's numbers and names.
///
///     empty ──> ongoing ──> prepareCommit ──> completeCommit ──> ongoing …
///                  └──────> prepareAbort  ──> completeAbort  ──> ongoing …
///
/// Once a "prepare" is durable the outcome stands: whatever happens, the markers are written, and
/// the "complete" behind them. Source: Kafka's TransactionState (KIP-98).
package enum TransactionPhase: Int8, CaseIterable, Sendable {
    /// A producer has come, and no transaction yet.
    case empty = 0
    case ongoing = 1
    case prepareCommit = 2
    case prepareAbort = 3
    case completeCommit = 4
    case completeAbort = 5

    /// As DescribeTransactions and ListTransactions say it.
    package var name: String {
        switch self {
        case .empty: "Empty"
        case .ongoing: "Ongoing"
        case .prepareCommit: "PrepareCommit"
        case .prepareAbort: "PrepareAbort"
        case .completeCommit: "CompleteCommit"
        case .completeAbort: "CompleteAbort"
        }
    }

    /// The outcome is decided and not all markers are written.
    package var isPrepared: Bool { self == .prepareCommit || self == .prepareAbort }
}
