internal import Glibc

/// Where time comes from. The log is given times by its caller; brokers and workers read this.
package protocol Clock: AnyObject, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z; may jump when somebody sets the clock.
    func wallMilliseconds() -> Int64
    /// Milliseconds that never go back, from an arbitrary start: for timeouts and durations.
    func monotonicMilliseconds() -> Int64
}

/// The machine's clocks (CLOCK_REALTIME, CLOCK_MONOTONIC).
package final class SystemClock: Clock {
    package init() {}

    package func wallMilliseconds() -> Int64 { Self.nanoseconds(CLOCK_REALTIME) / 1_000_000 }

    package func monotonicMilliseconds() -> Int64 { Self.nanoseconds(CLOCK_MONOTONIC) / 1_000_000 }

    /// Nanoseconds that never go back, for measuring short durations.
    package static func monotonicNanoseconds() -> Int64 { nanoseconds(CLOCK_MONOTONIC) }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
