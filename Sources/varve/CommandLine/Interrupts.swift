internal import VarvePlatform

/// What SIGINT, SIGTERM and SIGHUP do: end the program at once, or what a running command set.
package enum Interrupts {
    private struct State {
        var handler: (@Sendable (Int32) -> Void)?
        var count = 0
    }
    private static let state = Lock(State())

    /// Starts the thread that waits for signals. Once, after `ProcessControl.holdSignals`.
    package static func start() {
        _ = NamedThread("signals") {
            while true {
                let signal = ProcessControl.waitForSignal()
                let handler = state.withLock { state in
                    state.count += 1
                    return state.handler
                }
                guard let handler else {
                    Output.standard.flush()
                    ProcessControl.exitNow(128 + signal)
                }
                handler(signal)
            }
        }
    }

    /// From now on each signal calls `handler` on the signal thread instead of ending the program.
    package static func handle(_ handler: @escaping @Sendable (Int32) -> Void) {
        state.withLock { $0.handler = handler }
    }

    /// The first signal calls `stop`; another one ends the program at once, for people who do not
    /// want to wait for the clean end.
    package static func stopOnce(_ stop: @escaping @Sendable () -> Void) {
        let before = state.withLock { $0.count }
        handle { signal in
            if state.withLock({ $0.count }) > before + 1 { ProcessControl.exitNow(128 + signal) }
            stop()
        }
    }
}
