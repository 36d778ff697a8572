/// How long a child that ended waits for its next start.
///
/// The first wait is `first`; each further one doubles, up to `longest`. A child that ran for
/// `healthyAfter` begins again at `first`. All in milliseconds.
package struct RestartPolicy: Equatable, Sendable {
    package var first: Int64
    package var longest: Int64
    package var healthyAfter: Int64

    package init(first: Int64 = 500, longest: Int64 = 30_000, healthyAfter: Int64 = 60_000) {
        precondition(first > 0 && longest >= first && healthyAfter >= 0)
        self.first = first
        self.longest = longest
        self.healthyAfter = healthyAfter
    }

    /// The wait after a run of `ran` milliseconds that came after a wait of `last` (0 for the
    /// first run).
    package func next(after last: Int64, ran: Int64) -> Int64 {
        if last == 0 || ran >= healthyAfter { return first }
        return min(longest, last * 2)
    }
}
