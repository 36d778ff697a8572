/// What consumer groups cost: commits of many, and a large one that joins.
enum GroupScenarios {
    static var commits: Scenario {
        Scenario(
            name: "commits", summary: "1 000 groups that commit once a second, for 2 seconds",
            unit: "commits",
            marks: [
                Mark(
                    text: "p99 of a commit in raw appends and fdatasyncs", bound: .atMost(3),
                    value: { round in
                        guard let ours = round["varve"]?.p99, let sync = round["disk"]?.p50,
                            sync > 0
                        else { return nil }
                        return ours / sync
                    }),
                Mark(
                    text: "p99 of a commit over that of an append and fdatasync each millisecond",
                    bound: .atMost(3),
                    value: { round in
                        guard let ours = round["varve"]?.p99, let disk = round["disk-paced"]?.p99,
                            disk > 0
                        else { return nil }
                        return ours / disk
                    }),
            ]
        ) { bench in
            let server = try VarveServer(bench)
            return [
                ServerSingle(server) { _ in
                    try KafkaTopic.make("bench", on: server)
                    return try bench.programs.run(
                        .kafkaWire, "commits",
                        [
                            "port": "\(server.port)", "topic": "bench", "groups": "1000",
                            "seconds": "2",
                        ])
                },
                Limits.sync(bench, bytes: 170, count: 300),
                Limits.sync(bench, bytes: 170, count: 1000, pauseMicroseconds: 1000),
            ]
        }
    }

    /// The delay is what the group waits for more members, on purpose.
    private static let joinDelaySeconds = 1.0

    static var join: Scenario {
        Scenario(
            name: "join", summary: "a group of 100 members, until each has its partitions",
            unit: "members",
            marks: [
                // As in Kafka, a group waits once more when somebody came during the first wait.
                .own("seconds beyond the initial delay of 2 times 1 s", .atMost(1)) {
                    $0.seconds - 2 * joinDelaySeconds
                }
            ]
        ) { bench in
            let delay = Int(joinDelaySeconds * 1000)
            let server = try VarveServer(
                bench, settings: ["group.initial.rebalance.delay.ms=\(delay)"])
            return [
                ServerSingle(server) { _ in
                    try KafkaTopic.make("bench", partitions: 100, on: server)
                    return try bench.programs.run(
                        .kafkaClient, "join",
                        ["bootstrap": server.bootstrap, "topic": "bench", "members": "100"])
                }
            ]
        }
    }
}

/// Varve under one load of its own kind.
final class ServerSingle: Contestant {
    let name = "varve"
    let isDurable = true
    private let server: VarveServer
    private let body: (Int) throws -> LoadReport

    init(_ server: VarveServer, _ body: @escaping (Int) throws -> LoadReport) {
        self.server = server
        self.body = body
    }

    func prepare() throws { try server.start(partitions: 1) }

    func measure(round: Int) throws -> Measurement { try server.measured { try body(round) }.1 }

    func finish() { server.stop() }
}
