import VarvePlatform

/// What a long history costs: the same work on a broker with one gigabyte and with many.
enum HistoryScenario {
    static var history: Scenario {
        Scenario(
            name: "history",
            summary: "produce 1 KiB while a group reads along, behind 1 GB of history (varve) and "
                + "behind all of --history",
            marks: [
                .rate("varve-history", over: "varve", atLeast: 0.9),
                Mark(
                    text: "resident memory over that with 1 GB", bound: .atMost(1.1),
                    value: { round in
                        guard let long = round["varve-history"]?.residentBytes,
                            let short = round["varve"]?.residentBytes
                        else { return nil }
                        return Double(long) / Double(short)
                    }),
            ]
        ) { bench in
            [
                Growing(bench, "varve", gigabytes: 1),
                Growing(bench, "varve-history", gigabytes: Double(bench.options.historyGigabytes)),
            ]
        }
    }
}

/// A broker with so much history in one partition, which is produced to.
private final class Growing: Contestant {
    let name: String
    let isDurable = true
    private let bench: Workbench
    private let gigabytes: Double
    private var server: VarveServer?

    init(_ bench: Workbench, _ name: String, gigabytes: Double) {
        self.bench = bench
        self.name = name
        self.gigabytes = gigabytes
    }

    func prepare() throws {
        let directory = try bench.makeDirectory("history") + "/data"
        try History.make(in: directory, topic: "history", partitions: 1, gigabytes: gigabytes)
        server = try VarveServer(bench, data: directory)
        try server?.start(partitions: 1)
    }

    func measure(round: Int) throws -> Measurement {
        guard let server else { throw BenchError.failed("\(name) was not started") }
        let load = Load(recordBytes: 1024, records: 200_000)
        return try server.measured {
            try server.tail(
                load, groups: 1, to: "history", seconds: bench.options.seconds, fromEnd: true)
        }.1
    }

    func finish() { server?.stop() }
}
