internal import VarvePlatform

/// One thread for what takes long: making and deleting topics, blocks of producer ids; and another
/// for repairs. Jobs run one after another in the order they came, so that event loops never wait
/// for them.
final class AdminThread: @unchecked Sendable {
    // SAFETY: `state` is a lock; `thread` is set in init and only joined after.
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isStopping = false
    }

    private let state = Lock(State())
    private var thread: NamedThread?

    init(_ name: String) {
        thread = NamedThread(name) { [state] in
            while true {
                let jobs = state.wait { state -> [@Sendable () -> Void]? in
                    if state.jobs.isEmpty { return state.isStopping ? [] : nil }
                    defer { state.jobs = [] }
                    return state.jobs
                }
                guard let jobs, !jobs.isEmpty else { return }
                for job in jobs where !state.withLock({ $0.isStopping }) { job() }
            }
        }
    }

    /// Queues `job`. After `stop` it is dropped: its connection is closing.
    func run(_ job: @escaping @Sendable () -> Void) {
        state.withLock { if !$0.isStopping { $0.jobs.append(job) } }
        state.signal()
    }

    /// Finishes the job that is running and ends the thread. What is still queued is dropped: by
    /// now the connections have had their time to drain, and a client may have queued hours of
    /// work.
    func stop() {
        state.withLock {
            $0.isStopping = true
            $0.jobs = []
        }
        state.signal()
        thread?.join()
        thread = nil
    }
}
