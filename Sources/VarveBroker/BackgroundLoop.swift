internal import VarvePlatform

/// A thread that does something again and again until it is stopped.
final class BackgroundLoop: @unchecked Sendable {
    // SAFETY: `stopping` is a lock; `thread` is set in init and only joined after.
    private let stopping = Stopping()
    private var thread: NamedThread?

    /// Whether the loop is to end, and the pauses between its turns.
    struct Stopping: Sendable {
        fileprivate let flag = Lock(false)

        var hasCome: Bool { flag.withLock { $0 } }

        /// Waits so long; true at once when the loop is to end.
        func comes(within milliseconds: Int64) -> Bool {
            flag.wait(timeoutMilliseconds: milliseconds) { $0 ? true : nil } != nil
        }
    }

    /// Starts the thread. `body` returns soon after `Stopping` has come.
    init(_ name: String, _ body: @escaping @Sendable (Stopping) -> Void) {
        thread = NamedThread(name) { [stopping] in body(stopping) }
    }

    /// Ends the thread when its turn is done. Once.
    func stop() {
        stopping.flag.withLock { $0 = true }
        stopping.flag.signal()
        thread?.join()
        thread = nil
    }
}
