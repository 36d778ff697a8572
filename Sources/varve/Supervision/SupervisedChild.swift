package import VarvePlatform

/// A program to keep running.
package struct ChildProgram: Equatable, Sendable {
    /// `broker`, `worker search`: for log lines and status.
    package let name: String
    package let path: String
    package let arguments: [String]

    package init(name: String, path: String = ProcessControl.executable, arguments: [String]) {
        self.name = name
        self.path = path
        self.arguments = arguments
    }
}

/// What a supervised child is doing.
package struct ChildState: Codable, Equatable, Sendable {
    package enum Phase: String, Codable, Sendable {
        /// Not started yet.
        case waiting
        case running
        /// Ended by itself; starts again at `nextStart`.
        case restarting
        /// Ended because it was told to.
        case stopped
    }
    package var name: String
    package var phase: Phase
    /// While running.
    package var process: Int32?
    /// Milliseconds since 1970 of the last start.
    package var startedAt: Int64?
    /// Starts after the first.
    package var restarts: Int
    /// How the last run ended, in words.
    package var lastEnding: String?
    /// Milliseconds since 1970 of the coming start.
    package var nextStart: Int64?
}

/// Runs one program again and again until told to stop. One thread of its own each: that thread
/// starts the process, so the parent-death signal (prctl(2)) comes when the supervisor dies and
/// not earlier.
package final class SupervisedChild: Sendable {
    private enum Order { case run, stop }
    private struct Box {
        var order = Order.run
        var process: ChildProcess?
        var state: ChildState
        /// The thread has left its loop.
        var isDone = false
    }

    package let program: ChildProgram
    private let policy: RestartPolicy
    private let logger: Logger
    private let clock: any Clock
    private let changed: @Sendable () -> Void
    private let box: Lock<Box>

    /// - Parameter changed: called on any thread after the state changed.
    package init(
        _ program: ChildProgram, policy: RestartPolicy, clock: any Clock, logger: Logger,
        changed: @escaping @Sendable () -> Void
    ) {
        self.program = program
        self.policy = policy
        self.clock = clock
        self.logger = logger
        self.changed = changed
        box = Lock(Box(state: ChildState(name: program.name, phase: .waiting, restarts: 0)))
    }

    package var state: ChildState { box.withLock { $0.state } }

    /// Starts the thread. Once.
    package func start() {
        _ = NamedThread(program.name) { [self] in keepRunning() }
    }

    /// Asks the child to end with `signal`, and lets it rest then. Does not wait.
    package func stop(_ signal: Int32 = ProcessControl.terminate) {
        let process = box.withLock { box -> ChildProcess? in
            box.order = .stop
            return box.process
        }
        box.signal()
        process?.send(signal)
    }

    /// Waits until the child has ended after `stop`; false after `timeoutMilliseconds`.
    package func waitUntilStopped(timeoutMilliseconds: Int64) -> Bool {
        box.wait(timeoutMilliseconds: timeoutMilliseconds) { box -> Bool? in
            box.isDone || box.state.phase == .waiting ? true : nil
        } ?? false
    }

    /// Waits until the child has ended for the first time, or `timeoutMilliseconds` have passed:
    /// nil then.
    package func firstEnding(timeoutMilliseconds: Int64) -> String? {
        box.wait(timeoutMilliseconds: timeoutMilliseconds) { $0.state.lastEnding }
    }

    private func keepRunning() {
        var delay: Int64 = 0
        while let run = runOnce() {
            delay = policy.next(after: delay, ran: run.milliseconds)
            let next = clock.wallMilliseconds() + delay
            box.withLock { box in
                box.state.phase = .restarting
                box.state.nextStart = next
            }
            box.signal()
            logger.warning(
                "ended, will start again",
                [
                    "child": program.name, "ending": run.ending, "ran_ms": run.milliseconds,
                    "delay_ms": delay,
                ])
            changed()
            let stopped: Bool? = box.wait(timeoutMilliseconds: delay) {
                $0.order == .stop ? true : nil
            }
            if stopped != nil { break }
            box.withLock { $0.state.restarts += 1 }
        }
        box.withLock { box in
            box.state.phase = .stopped
            box.state.nextStart = nil
        }
        // Before the word that it is done: whoever waits for that may end the program.
        changed()
        box.withLock { $0.isDone = true }
        box.signal()
    }

    /// One life of the child. Nil when it ended, or did not begin, because of `stop`.
    private func runOnce() -> (ending: String, milliseconds: Int64)? {
        let startedAt = clock.monotonicMilliseconds()
        let ending: String
        do throws(SystemError) {
            // Start inside the lock: a `stop` comes either before and nothing starts, or after
            // and finds the process to signal.
            let process = try box.withLock { (box) throws(SystemError) -> ChildProcess? in
                guard box.order == .run else { return nil }
                let process = try ChildProcess.start(
                    program.path, name: "varve", program.arguments)
                box.process = process
                box.state.phase = .running
                box.state.process = process.identifier
                box.state.startedAt = clock.wallMilliseconds()
                box.state.nextStart = nil
                return process
            }
            guard let process else { return nil }
            logger.info("started", ["child": program.name, "pid": process.identifier])
            changed()
            ending = process.wait().description
        } catch {
            ending = error.description
        }
        let order = box.withLock { box -> Order in
            box.process = nil
            box.state.process = nil
            box.state.lastEnding = ending
            return box.order
        }
        box.signal()
        if order == .stop {
            logger.info("stopped", ["child": program.name, "ending": ending])
            return nil
        }
        return (ending, clock.monotonicMilliseconds() - startedAt)
    }
}
