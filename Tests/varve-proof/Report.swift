internal import VarvePlatform
internal import VarveProof

/// How far a proof has got, about every second, on stderr.
final class Progress: Sendable {
    private struct State {
        var done = 0
        var lastTime: Int64
    }

    private let total: Int
    private let what: String
    private let clock = SystemClock()
    private let state: Lock<State>

    init(of total: Int, _ what: String) {
        self.total = total
        self.what = what
        state = Lock(State(lastTime: clock.monotonicMilliseconds()))
    }

    func add(_ count: Int) {
        let now = clock.monotonicMilliseconds()
        let done = state.withLock { state -> Int? in
            state.done += count
            guard now - state.lastTime >= 1000 else { return nil }
            state.lastTime = now
            return state.done
        }
        if let done {
            say(
                ProcessControl.isTerminal(2)
                    ? "\r\(done) of \(total) \(what) " : "\(done) of \(total) \(what)\n",
                to: StandardStreams.error)
        }
    }
}

/// The end of a proof: its violations and its summary line.
enum Report {
    private static let clock = SystemClock()
    private static let began = clock.monotonicMilliseconds()

    /// Remembers when the proof began.
    static func begin() { _ = began }

    static func finish(_ proof: String, seed: UInt64?, _ result: ProofResult) -> Never {
        for violation in result.violations { say("violation: \(violation)\n") }
        let seconds = (clock.monotonicMilliseconds() - began + 500) / 1000
        var line = "\(proof): \(result.count)"
        for (name, count) in result.details.sorted(by: { $0.key < $1.key }) {
            line += ", \(count) \(name)"
        }
        line += ", \(result.violationCount) violations, \(seconds) s"
        if let seed { line += ", --seed \(seed)" }
        say(line + "\n")
        ProcessControl.exitNow(result.violationCount == 0 && result.count > 0 ? 0 : 1)
    }
}

/// Lines to the standard streams; nobody who closed them is worth stopping for.
func say(_ text: String, to descriptor: Int32 = StandardStreams.output) {
    do throws(SystemError) {
        try StandardStreams.write(ByteSlice(text), to: descriptor)
    } catch {
        ProcessControl.exitNow(1)
    }
}

/// Lets time pass on this thread.
func pause(milliseconds: Int64) {
    _ = Lock(()).wait(timeoutMilliseconds: milliseconds) { _ in nil as Void? }
}
