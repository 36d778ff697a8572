import VarvePlatform

/// How long a broker takes from its start to its first answer.
enum StartScenario {
    static var start: Scenario {
        Scenario(
            name: "start", summary: "from the start of the process to its first answer",
            unit: "starts",
            marks: [
                milliseconds("empty", "varve", 30),
                milliseconds("a long history in 1 000 partitions, stopped", "varve-history", 300),
                milliseconds("after kill -9", "varve-killed", 300),
            ]
        ) { bench in
            var all: [any Contestant] = [
                Starting(bench, name: "varve", .empty),
                Starting(bench, name: "varve-history", .history),
                Starting(bench, name: "varve-killed", .killed),
            ]
            all += try Peers.all(bench, mock: false).dropFirst().map { StartingPeer($0) }
            return all
        }
    }

    private static func milliseconds(_ text: String, _ name: String, _ bound: Double) -> Mark {
        Mark(
            text: "milliseconds, \(text)", bound: .atMost(bound),
            value: { $0[name].map { $0.seconds * 1000 } })
    }

    /// What a start that took so long is as a measurement.
    static func measurement(since start: Int64) -> Measurement {
        var measurement = Measurement()
        measurement.records = 1
        measurement.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
        measurement.p50 = measurement.seconds * 1000
        return measurement
    }
}

/// Varve, started on a data directory of one kind.
private final class Starting: Contestant {
    enum Kind {
        case empty
        /// Stopped cleanly, with as much in it as `--history` says.
        case history
        /// Killed while it was produced to.
        case killed
    }

    let name: String
    let isDurable = true
    private let bench: Workbench
    private let kind: Kind
    private var data: String?

    init(_ bench: Workbench, name: String, _ kind: Kind) {
        self.bench = bench
        self.name = name
        self.kind = kind
    }

    func prepare() throws {
        guard kind == .history else { return }
        let directory = try bench.makeDirectory("history") + "/data"
        try History.make(
            in: directory, topic: "history", partitions: 1000,
            gigabytes: Double(bench.options.historyGigabytes))
        data = directory
    }

    func measure(round: Int) throws -> Measurement {
        var sent: LoadReport?
        if kind == .killed {
            let victim = try VarveServer(bench)
            try victim.start(partitions: 4)
            sent = try victim.produce(
                Load(recordBytes: 1024, records: 100_000, partitions: 4), to: "bench",
                seconds: bench.options.seconds)
            victim.kill()
            data = victim.data
        }
        let server = try VarveServer(bench, data: kind == .empty ? nil : data)
        let start = SystemClock.monotonicNanoseconds()
        try server.start(partitions: 4)
        defer { server.stop() }
        var measurement = StartScenario.measurement(since: start)
        measurement.brokerCPU = try ProcessFigures.cpuSeconds(server.process)
        try server.addMemory(to: &measurement)
        if let sent { try server.verify(sent, in: "bench", partitions: 4) }
        return measurement
    }

    func finish() {}
}

/// A peer, started on an empty directory.
private final class StartingPeer: Contestant {
    private let server: any EventServer

    init(_ server: any EventServer) { self.server = server }

    var name: String { server.name }
    var isDurable: Bool { server.isDurable }

    func prepare() {}

    func measure(round: Int) throws -> Measurement {
        let start = SystemClock.monotonicNanoseconds()
        try server.start(partitions: 1)
        defer { server.stop() }
        var measurement = StartScenario.measurement(since: start)
        try server.addMemory(to: &measurement)
        return measurement
    }

    func finish() { server.stop() }
}
