internal import VarvePlatform

/// A bounded number of threads that share out a list of independent jobs.
///
/// Starts and stops wait for the disk once per partition: side by side those waits overlap, and on
/// a solid-state disk several syncs take hardly longer than one.
enum Workers {
    /// Runs `body` once for each number from 0 to `count - 1` and returns when all are done.
    ///
    /// With one thread in order and on the caller's, so that a simulated run is the same each
    /// time; with more in any order, on threads of their own.
    static func run(
        _ count: Int, threads: Int, _ body: @escaping @Sendable (Int) -> Void
    ) {
        guard threads > 1, count > 1 else {
            for index in 0..<count { body(index) }
            return
        }
        let next = Lock(0)
        let started = (0..<min(threads, count)).map { number in
            NamedThread("varve-work-\(number)") {
                while let index = next.withLock({ next -> Int? in
                    guard next < count else { return nil }
                    defer { next += 1 }
                    return next
                }) { body(index) }
            }
        }
        for thread in started { thread.join() }
    }

    /// The same for jobs with a result; the results stand in the jobs' order.
    static func map<Result: Sendable>(
        _ count: Int, threads: Int, _ body: @escaping @Sendable (Int) -> Result
    ) -> [Result] {
        let results = Lock([Result?](repeating: nil, count: count))
        run(count, threads: threads) { index in
            let result = body(index)
            results.withLock { $0[index] = result }
        }
        return results.withLock { $0.map { $0! } }
    }
}
