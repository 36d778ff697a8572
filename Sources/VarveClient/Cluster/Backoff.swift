/// How long to wait before a retry: doubling from the first wait to the longest, with jitter so
/// that many clients of one broker do not come back in step (KIP-144, KIP-580).
struct Backoff: Sendable {
    private let first: Int64
    private let longest: Int64

    init(_ configuration: ClientConfiguration) {
        first = max(1, configuration.retryBackoffMilliseconds)
        longest = max(first, configuration.retryBackoffMillisecondsMax)
    }

    /// - Parameter attempt: how many have failed, 1 and up.
    func milliseconds(attempt: Int) -> Int64 {
        let doubled = first << Int64(min(max(attempt - 1, 0), 20))
        let base = Double(min(doubled, longest))
        return Int64(base * Double.random(in: 0.8...1.2))
    }
}
