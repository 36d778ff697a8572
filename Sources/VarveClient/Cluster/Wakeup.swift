internal import VarvePlatform

/// Lets one task sleep until another says there is something to do. A wake that comes while nobody
/// waits is kept for the next wait; several are one.
final class Wakeup: Sendable {
    private let loop: ConnectionLoop
    private let state = Lock(State())

    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
        /// Tells waits apart, so that a timer of an earlier one does not end a later one.
        var number: UInt64 = 0
    }

    init(_ loop: ConnectionLoop) { self.loop = loop }

    func wake() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isSet = true }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Waits for a wake, at most for `milliseconds` where given. One task at a time.
    func wait(milliseconds: Int64? = nil) async {
        await withCheckedContinuation { continuation in
            let number = state.withLock { state -> UInt64? in
                precondition(state.waiter == nil, "two tasks wait on one wakeup")
                if state.isSet {
                    state.isSet = false
                    return nil
                }
                state.number += 1
                state.waiter = continuation
                return state.number
            }
            guard let number else { return continuation.resume() }
            guard let milliseconds else { return }
            loop.after(milliseconds: max(0, milliseconds)) { [weak self] in
                let waiter = self?.state.withLock { state -> CheckedContinuation<Void, Never>? in
                    guard state.number == number else { return nil }
                    defer { state.waiter = nil }
                    return state.waiter
                }
                waiter?.resume()
            }
        }
    }
}
