/// How long to wait before the next try: exponential, with full jitter.
///
/// Source: AWS Architecture Blog, "Exponential Backoff And Jitter": a random wait between 0 and the
/// doubled limit spreads many workers that failed together best.
struct Backoff: Sendable {
    private let policy: RetryPolicy
    private var failures = 0

    init(_ policy: RetryPolicy) { self.policy = policy }

    /// The wait after one more failure, in milliseconds.
    mutating func next() -> Int {
        let doublings = min(failures, 30)
        failures += 1
        let limit = min(policy.firstMilliseconds << doublings, policy.maxMilliseconds)
        return Int.random(in: 0...max(limit, 1))
    }

    /// The wait while a person is needed: the configured one, spread by a fifth.
    func paused() -> Int {
        let spread = policy.pausedMilliseconds / 5
        return max(1, policy.pausedMilliseconds + Int.random(in: -spread...spread))
    }

    /// Something went well: the next failure waits as the first.
    mutating func reset() { failures = 0 }
}
