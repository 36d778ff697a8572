import Foundation
import Testing
import VarvePlatform

@testable import varve

private let quiet = Logger("test", sink: { _ in })
private let quick = RestartPolicy(first: 20, longest: 100, healthyAfter: 10_000)

/// A shell script as a child: it writes its name to `log` when it starts and when it is told to
/// end, and then does what `body` says.
private func program(_ name: String, in directory: TemporaryDirectory, _ body: String) -> ChildProgram {
    let script = """
        log() { echo "$1 \(name)" >> \(directory.path)/log; }
        trap 'log stop; kill $! 2>/dev/null; exit 0' TERM
        log start
        \(body)
        """
    return ChildProgram(name: name, path: "/bin/sh", arguments: ["-c", script])
}

/// The output is let go, or an orphan of a killed shell would keep the test run waiting for it.
private let stay = "sleep 60 > /dev/null 2>&1 & wait"

/// Runs a supervisor on a thread of its own.
private final class Running: Sendable {
    let supervisor: Supervisor
    private let result = Lock<String??>(nil)

    init(_ supervisor: Supervisor) {
        self.supervisor = supervisor
        _ = NamedThread("supervisor") { [self] in
            let ending = supervisor.run()
            result.withLock { $0 = .some(ending) }
            result.signal()
        }
    }

    /// How `run` returned: nil when it has not within ten seconds.
    func end() -> String?? { result.wait(timeoutMilliseconds: 10_000) { $0 } }
}

@Suite struct SupervisorTests {
    @Test func childThatCrashesIsStartedAgain() throws {
        let directory = try TemporaryDirectory()
        let running = Running(
            Supervisor(
                broker: program("broker", in: directory, stay),
                workers: [program("worker", in: directory, "exit 3")], policy: quick,
                logger: quiet, isReady: { _ in true }))
        #expect(eventually { directory.lines("log").count { $0 == "start worker" } >= 4 })
        let state = running.supervisor.states[1]
        #expect(state.restarts >= 2)
        #expect(state.lastEnding == "exit status 3")
        // The broker does not suffer from it.
        #expect(directory.lines("log").count { $0 == "start broker" } == 1)
        #expect(running.supervisor.states[0].phase == .running)
        running.supervisor.stop()
        #expect(running.end() == .some(nil))
    }

    @Test func killedChildIsStartedAgain() throws {
        let directory = try TemporaryDirectory()
        let running = Running(
            Supervisor(
                broker: program("broker", in: directory, stay),
                workers: [program("worker", in: directory, stay)], policy: quick, logger: quiet,
                isReady: { _ in true }))
        #expect(eventually { directory.lines("log").contains("start worker") })
        let first = try #require(running.supervisor.states[1].process)
        ProcessControl.send(ProcessControl.kill, to: first)
        #expect(eventually { directory.lines("log").count { $0 == "start worker" } == 2 })
        #expect(running.supervisor.states[1].lastEnding == "signal 9")
        running.supervisor.stop()
        #expect(running.end() == .some(nil))
    }

    @Test func stopEndsTheWorkersBeforeTheBroker() throws {
        let directory = try TemporaryDirectory()
        let slow = "trap 'sleep 0.3; log stop; exit 0' TERM; \(stay)"
        let running = Running(
            Supervisor(
                broker: program("broker", in: directory, stay),
                workers: [
                    program("a", in: directory, slow), program("b", in: directory, slow),
                ], policy: quick, logger: quiet, isReady: { _ in true }))
        #expect(eventually { directory.lines("log").count == 3 })
        // Let the shells of the two workers come to their second trap.
        usleep(100_000)
        running.supervisor.stop()
        #expect(running.end() == .some(nil))
        let stops = directory.lines("log").filter { $0.hasPrefix("stop") }
        #expect(stops.count == 3)
        #expect(stops.last == "stop broker")
        #expect(running.supervisor.states.allSatisfy { $0.phase == .stopped })
    }

    @Test func workersStartOnlyWhenTheBrokerIsReady() throws {
        let directory = try TemporaryDirectory()
        let isReady = Lock(false)
        let prepared = Lock(false)
        let running = Running(
            Supervisor(
                broker: program("broker", in: directory, stay),
                workers: [program("worker", in: directory, stay)], policy: quick, logger: quiet,
                isReady: { _ in isReady.withLock { $0 } },
                ready: {
                    prepared.withLock { $0 = !directory.lines("log").contains("start worker") }
                }))
        #expect(eventually { directory.lines("log") == ["start broker"] })
        usleep(300_000)
        #expect(directory.lines("log") == ["start broker"])
        isReady.withLock { $0 = true }
        #expect(eventually { directory.lines("log").contains("start worker") })
        #expect(prepared.withLock { $0 })
        running.supervisor.stop()
        #expect(running.end() == .some(nil))
    }

    @Test func brokerThatNeverGetsReadyEndsTheWhole() throws {
        let directory = try TemporaryDirectory()
        let running = Running(
            Supervisor(
                broker: program("broker", in: directory, "exit 2"),
                workers: [program("worker", in: directory, stay)], policy: quick, logger: quiet,
                isReady: { _ in false }))
        #expect(running.end() == .some("exit status 2"))
        #expect(!directory.lines("log").contains("start worker"))
    }

    @Test func secondStopKillsWhoDoesNotListen() throws {
        let directory = try TemporaryDirectory()
        let deaf = "trap '' TERM; log deaf; while true; do sleep 0.1; done"
        let running = Running(
            Supervisor(
                broker: program("broker", in: directory, stay),
                workers: [program("worker", in: directory, deaf)], policy: quick, logger: quiet,
                isReady: { _ in true }))
        #expect(eventually { directory.lines("log").contains("deaf worker") })
        running.supervisor.stop()
        usleep(300_000)
        #expect(running.supervisor.states[1].phase == .running)
        running.supervisor.stop()
        #expect(running.end() == .some(nil))
        #expect(running.supervisor.states[1].lastEnding == "signal 9")
    }

    @Test func deadlineKillsWhoDoesNotListen() throws {
        let directory = try TemporaryDirectory()
        let deaf = "trap '' TERM; log deaf; while true; do sleep 0.1; done"
        let running = Running(
            Supervisor(
                broker: program("broker", in: directory, stay),
                workers: [program("worker", in: directory, deaf)], policy: quick,
                deadlines: .init(workers: 200, broker: 5000), logger: quiet, isReady: { _ in true }))
        #expect(eventually { directory.lines("log").contains("deaf worker") })
        running.supervisor.stop()
        #expect(running.end() == .some(nil))
        #expect(running.supervisor.states[1].lastEnding == "signal 9")
        #expect(directory.lines("log").last == "stop broker")
    }

    @Test func everyChangeIsReportedWithAllChildren() throws {
        let directory = try TemporaryDirectory()
        let reports = Lock<[[ChildState]]>([])
        let running = Running(
            Supervisor(
                broker: program("broker", in: directory, stay),
                workers: [program("worker", in: directory, stay)], policy: quick, logger: quiet,
                isReady: { _ in true }, changed: { states in reports.withLock { $0.append(states) } }))
        #expect(eventually { directory.lines("log").count == 2 })
        running.supervisor.stop()
        #expect(running.end() == .some(nil))
        let seen = reports.withLock { $0 }
        #expect(seen.allSatisfy { $0.map(\.name) == ["broker", "worker"] })
        #expect(seen.last?.allSatisfy { $0.phase == .stopped } == true)
    }
}

@Suite struct RestartPolicyTests {
    @Test func waitsDoubleUpToTheLongest() {
        let policy = RestartPolicy(first: 500, longest: 30_000, healthyAfter: 60_000)
        var wait: Int64 = 0
        var waits: [Int64] = []
        for _ in 0..<9 {
            wait = policy.next(after: wait, ran: 10)
            waits.append(wait)
        }
        #expect(waits == [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    }

    @Test func healthyMinuteStartsOver() {
        let policy = RestartPolicy(first: 500, longest: 30_000, healthyAfter: 60_000)
        #expect(policy.next(after: 30_000, ran: 59_999) == 30_000)
        #expect(policy.next(after: 30_000, ran: 60_000) == 500)
    }
}
