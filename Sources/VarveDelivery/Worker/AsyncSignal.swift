internal import Dispatch
internal import VarvePlatform

/// Wakes tasks that wait for something to change.
///
/// Read `version`, look at what you wait for, then `wait(after:)`: a change in between is not
/// missed.
final class AsyncSignal: Sendable {
    private struct State {
        var version: UInt64 = 0
        var lastWaiter: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Lock(State())

    var version: UInt64 { state.withLock { $0.version } }

    /// Something changed: everyone who waits looks again.
    func notify() {
        let waiters = state.withLock { state in
            state.version += 1
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    /// Returns at the first change after `version`, or when `milliseconds` have passed.
    func wait(after version: UInt64, milliseconds: Int) async {
        guard milliseconds > 0 else { return }
        await withCheckedContinuation { continuation in
            let number: UInt64? = state.withLock { state in
                guard state.version == version else { return nil }
                state.lastWaiter += 1
                state.waiters[state.lastWaiter] = continuation
                return state.lastWaiter
            }
            guard let number else {
                continuation.resume()
                return
            }
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) {
                self.state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
            }
        }
    }
}
