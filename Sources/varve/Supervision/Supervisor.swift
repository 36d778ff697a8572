package import VarvePlatform

/// Keeps a broker and its workers running, each as a process of its own (D2: one sink's trouble
/// never reaches another, nor the broker).
///
/// The workers start when the broker is ready. A child that ends by itself is started again after
/// `RestartPolicy`'s wait, for ever; only a broker that never became ready ends the whole, because
/// then the configuration is wrong or the place is taken and somebody has to look. `stop` ends the
/// workers first, so that they commit what they have delivered while the broker still answers, and
/// then the broker.
package final class Supervisor: Sendable {
    /// How long stopping may take, in milliseconds; after it the rest is killed.
    package struct Deadlines: Sendable {
        package var workers: Int64
        package var broker: Int64
        package init(workers: Int64 = 20_000, broker: Int64 = 30_000) {
            self.workers = workers
            self.broker = broker
        }
    }

    private enum Phase: Int { case running, stopping, killing, ended }

    private let broker: SupervisedChild
    private let workers: [SupervisedChild]
    private let deadlines: Deadlines
    private let logger: Logger
    private let isReady: @Sendable (Int32) -> Bool
    private let ready: @Sendable () -> Void
    private let phase = Lock(Phase.running)

    /// - Parameters:
    ///   - isReady: whether the broker with this process id answers, and not another one in its
    ///     place; called about ten times a second until it does.
    ///   - ready: called once when it does, before the workers start; may take its time.
    ///   - changed: called on any thread with the state of all children, the broker first.
    package init(
        broker: ChildProgram, workers: [ChildProgram], policy: RestartPolicy = RestartPolicy(),
        deadlines: Deadlines = Deadlines(), clock: any Clock = SystemClock(), logger: Logger,
        isReady: @escaping @Sendable (Int32) -> Bool, ready: @escaping @Sendable () -> Void = {},
        changed: @escaping @Sendable ([ChildState]) -> Void = { _ in }
    ) {
        let notify = Notifier(changed)
        func child(_ program: ChildProgram) -> SupervisedChild {
            SupervisedChild(
                program, policy: policy, clock: clock, logger: logger, changed: notify.changed)
        }
        let brokerChild = child(broker)
        let workerChildren = workers.map(child)
        notify.children.withLock { $0 = [brokerChild] + workerChildren }
        self.broker = brokerChild
        self.workers = workerChildren
        self.deadlines = deadlines
        self.logger = logger
        self.isReady = isReady
        self.ready = ready
    }

    /// The children's states, the broker first.
    package var states: [ChildState] { ([broker] + workers).map(\.state) }

    /// Runs until `stop`, or until the broker has ended before it was ever ready. Blocks.
    /// - Returns: nil after `stop`; otherwise how the broker ended.
    package func run() -> String? {
        broker.start()
        if let ending = waitUntilReady() {
            phase.withLock { $0 = .ended }
            broker.stop()
            _ = broker.waitUntilStopped(timeoutMilliseconds: 5000)
            return ending
        }
        if phase.withLock({ $0 == .running }) { ready() }
        // A stop that comes between the workers' starts must find all of them, or none.
        phase.withLock { phase in
            guard phase == .running else { return }
            for worker in workers { worker.start() }
        }
        _ = phase.wait { $0 == .running ? nil : true }
        stopInOrder()
        return nil
    }

    /// The first call ends the workers and then the broker; a second one kills them all.
    /// Does not wait: `run` returns when all have ended.
    package func stop() {
        phase.withLock { phase in
            switch phase {
            case .running: phase = .stopping
            case .stopping: phase = .killing
            case .killing, .ended: break
            }
        }
        phase.signal()
    }

    /// Nil when the broker is ready or the supervisor is to stop; else how the broker ended.
    private func waitUntilReady() -> String? {
        while phase.withLock({ $0 == .running }) {
            if let process = broker.state.process, isReady(process) { return nil }
            if let ending = broker.firstEnding(timeoutMilliseconds: 100) { return ending }
        }
        return nil
    }

    private func stopInOrder() {
        logger.info("stopping the workers", ["count": workers.count])
        for worker in workers { worker.stop() }
        wait(for: workers, deadline: deadlines.workers)
        logger.info("stopping the broker")
        broker.stop()
        wait(for: [broker], deadline: deadlines.broker)
        phase.withLock { $0 = .ended }
    }

    /// Waits for `children`; kills those that are left at the deadline or at a second `stop`.
    private func wait(for children: [SupervisedChild], deadline milliseconds: Int64) {
        let clock = SystemClock()
        let deadline = clock.monotonicMilliseconds() + milliseconds
        var killed = false
        for child in children {
            while !child.waitUntilStopped(timeoutMilliseconds: 50) {
                let isLate = clock.monotonicMilliseconds() >= deadline
                guard !killed, isLate || phase.withLock({ $0 == .killing }) else { continue }
                killed = true
                for child in children where child.state.phase != .stopped {
                    logger.warning(
                        "killing", ["child": child.program.name, "late": isLate])
                    child.stop(ProcessControl.kill)
                }
            }
        }
    }

    /// Tells the owner of all children's states when one of them changes.
    private final class Notifier: Sendable {
        let children = Lock<[SupervisedChild]>([])
        private let report: @Sendable ([ChildState]) -> Void
        init(_ report: @escaping @Sendable ([ChildState]) -> Void) { self.report = report }
        var changed: @Sendable () -> Void {
            { [self] in report(children.withLock { $0 }.map(\.state)) }
        }
    }
}
