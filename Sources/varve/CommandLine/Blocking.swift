internal import VarvePlatform

/// Bridges between threads that block and tasks that must not.
enum Blocking {
    /// Runs `body` to its end on the cooperative threads while the calling thread waits. Never
    /// from one of the cooperative threads: they are few.
    static func wait<Result: Sendable>(
        _ body: @escaping @Sendable () async -> Result
    ) -> Result {
        let done = Lock<Result?>(nil)
        Task.detached {
            let result = await body()
            done.withLock { $0 = result }
            done.signal()
        }
        while true {
            if let result = done.wait({ $0 }) { return result }
        }
    }

    /// Lets the calling thread rest. Never one of the cooperative threads.
    static func pause(milliseconds: Int64) {
        _ = Lock(()).wait(timeoutMilliseconds: milliseconds) { _ in Bool?.none }
    }

    /// Runs `body`, which blocks, on a thread of its own while the calling task waits.
    static func run<Result: Sendable>(
        _ name: String, _ body: @escaping @Sendable () -> Result
    ) async -> Result {
        await withCheckedContinuation { continuation in
            _ = NamedThread(name) { continuation.resume(returning: body()) }
        }
    }
}
