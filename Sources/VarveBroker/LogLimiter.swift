internal import VarvePlatform

/// Keeps what clients can provoke from filling the log: so many lines a second, and then how many
/// were left out (I8). From any thread.
final class LogLimiter: Sendable {
    private struct State {
        var second: Int64 = .min
        var written = 0
        var omitted = 0
    }

    private let linesPerSecond: Int
    private let state = Lock(State())

    init(linesPerSecond: Int) { self.linesPerSecond = linesPerSecond }

    /// Whether a line may be written at `now` (monotonic milliseconds); nil when not. The number
    /// is of lines left out since the last one that was written.
    func admit(now: Int64) -> Int? {
        state.withLock { state in
            if now / 1000 != state.second {
                state.second = now / 1000
                state.written = 0
            }
            guard state.written < linesPerSecond else {
                state.omitted += 1
                return nil
            }
            state.written += 1
            defer { state.omitted = 0 }
            return state.omitted
        }
    }
}
