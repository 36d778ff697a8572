internal import VarvePlatform

/// Several servers of one service, used in turn; one that failed is passed over for a while.
final class HostRing: Sendable {
    private struct State {
        var next = 0
        /// Monotonic milliseconds until which each server is passed over; 0 for a healthy one.
        var restingUntil: [Int64]
    }

    /// How long a server that failed is passed over. Logstash looks at dead nodes every 5 s too.
    static let restMilliseconds: Int64 = 5000

    private let hosts: [String]
    private let state: Lock<State>
    private let clock: any Clock

    /// - Parameter hosts: at least one.
    init(_ hosts: [String], clock: any Clock = SystemClock()) {
        precondition(!hosts.isEmpty)
        self.hosts = hosts
        self.clock = clock
        state = Lock(State(restingUntil: Array(repeating: 0, count: hosts.count)))
    }

    /// The next healthy server; when none is, the one that has rested longest.
    func next() -> String {
        let now = clock.monotonicMilliseconds()
        return state.withLock { state in
            for step in 0..<hosts.count {
                let index = (state.next + step) % hosts.count
                if state.restingUntil[index] <= now {
                    state.next = (index + 1) % hosts.count
                    return hosts[index]
                }
            }
            let index = hosts.indices.min { state.restingUntil[$0] < state.restingUntil[$1] }!
            return hosts[index]
        }
    }

    func failed(_ host: String) {
        let until = clock.monotonicMilliseconds() + Self.restMilliseconds
        state.withLock { state in
            for index in hosts.indices where hosts[index] == host {
                state.restingUntil[index] = until
            }
        }
    }

    func succeeded(_ host: String) {
        state.withLock { state in
            for index in hosts.indices where hosts[index] == host { state.restingUntil[index] = 0 }
        }
    }
}
