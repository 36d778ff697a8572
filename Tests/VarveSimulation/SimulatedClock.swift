internal import VarvePlatform

/// A clock that stands still until a test moves it.
package final class SimulatedClock: Clock {
    private let wall: Lock<Int64>
    private let monotonic = Lock<Int64>(0)

    /// Starts at 2026-01-01T00:00:00Z.
    package init(wallMilliseconds: Int64 = 1_767_225_600_000) {
        wall = Lock(wallMilliseconds)
    }

    package func wallMilliseconds() -> Int64 { wall.withLock { $0 } }
    package func monotonicMilliseconds() -> Int64 { monotonic.withLock { $0 } }

    /// Lets time pass.
    package func advance(milliseconds: Int64) {
        precondition(milliseconds >= 0)
        wall.withLock { $0 += milliseconds }
        monotonic.withLock { $0 += milliseconds }
    }

    /// Somebody sets the wall clock; the monotonic one goes on.
    package func setWall(milliseconds: Int64) { wall.withLock { $0 = milliseconds } }
}
