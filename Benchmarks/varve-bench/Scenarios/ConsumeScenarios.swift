/// How fast events are read.
enum ConsumeScenarios {
    static func consume(recordBytes: Int, partitions: Int) -> Scenario {
        let size = recordBytes == 1024 ? "1k" : "\(recordBytes)"
        return Scenario(
            name: "consume-\(size)" + (partitions == 1 ? "" : "-\(partitions)"),
            summary: "from the start, cached: records of \(recordBytes) bytes, \(partitions) "
                + "partition(s), librdkafka",
            marks: [
                .rate(over: "mock", atLeast: 0.9), .rate(over: "kafka", atLeast: 1),
                // Every read is verified.
                .brokerCPU(atMost: 0.35),
            ]
        ) { bench in
            let load = Load(
                recordBytes: recordBytes, records: recordBytes < 1024 ? 2_000_000 : 300_000,
                partitions: partitions)
            var all: [any Contestant] = try Peers.all(bench, kafkaOnly: partitions > 1)
                .map { Consuming($0, load, bench) }
            all.append(Limits.loopback(bench, load))
            all.append(Limits.sendfile(bench, load))
            return all
        }
    }

    static var tail: Scenario {
        Scenario(
            name: "tail",
            summary: "records of 1 KiB produced while 3 groups read along; latency is end to end",
            marks: [.rate(over: "kafka", atLeast: 2), .rate(over: "kafka-flush", atLeast: 2)]
        ) { bench in
            try Peers.all(bench, mock: false, kafkaOnly: true).compactMap { server in
                (server as? any KafkaBroker).map {
                    Tailing($0, Load(recordBytes: 1024, records: 1_500_000))
                }
            }
        }
    }
}

/// A server that was filled once and is read from the start in each round.
final class Consuming: Contestant {
    private let server: any EventServer
    private let load: Load
    private let bench: Workbench
    private var sent: LoadReport?

    init(_ server: any EventServer, _ load: Load, _ bench: Workbench) {
        self.server = server
        self.bench = bench
        // The mock cluster keeps the last 5 MB of a partition: it gets more partitions to have
        // something to give, and says itself how much.
        var load = load
        if !server.keepsEvents {
            load.partitions = 64
            load.run = 1000
        }
        self.load = load
    }

    var name: String { server.name }
    var isDurable: Bool { server.isDurable }

    func prepare() throws {
        try server.start(partitions: load.partitions)
        sent = try server.produce(load, to: "bench", seconds: 4 * bench.options.seconds)
    }

    func measure(round: Int) throws -> Measurement {
        guard let sent else { throw BenchError.failed("\(name) was not filled") }
        let (report, measurement) = try server.measured {
            try server.consume(
                "bench", partitions: load.partitions,
                records: server.keepsEvents ? sent.records : 0)
        }
        if server.keepsEvents { try server.check(report, against: sent) }
        return measurement
    }

    func finish() { server.stop() }
}

/// A Kafka broker that is produced to while three groups read along. The generator compares what
/// each of them read.
final class Tailing: Contestant {
    private let server: any KafkaBroker
    private let load: Load

    init(_ server: any KafkaBroker, _ load: Load) {
        self.server = server
        self.load = load
    }

    var name: String { server.name }
    var isDurable: Bool { server.isDurable }

    func prepare() throws { try server.start(partitions: load.partitions) }

    func measure(round: Int) throws -> Measurement {
        let topic = "bench-\(round)"
        try KafkaTopic.make(topic, partitions: load.partitions, on: server)
        let (_, measurement) = try server.measured {
            try server.tail(
                load, groups: 3, to: topic, seconds: server.bench.options.seconds)
        }
        try KafkaTopic.delete(topic, on: server)
        return measurement
    }

    func finish() { server.stop() }
}
