/// How long an acknowledgement takes, and how many share a sync.
enum AcknowledgeScenarios {
    /// What a record of 100 bytes takes on disk in a batch of its own.
    private static let batchBytes = 170

    static var latency: Scenario {
        Scenario(
            name: "latency",
            summary: "one record of 100 bytes at a time, from request to acknowledgement",
            marks: [
                ratio("p50 over a raw append and fdatasync", 1.3, "disk", \.p50),
                ratio("p99 over a raw append and fdatasync", 1.5, "disk", \.p99),
                ratio("p50 over the barest durable server", 1.3, "server", \.p50),
            ]
        ) { bench in
            var all: [any Contestant] = [
                WireProducing(try VarveServer(bench), connections: 1, records: 400),
                Limits.sync(bench, bytes: batchBytes, count: 400),
                Limits.server(bench, bytes: batchBytes, count: 400),
            ]
            all.append(ClientLatency(try VarveServer(bench), name: "varve-librdkafka"))
            if bench.wants("mock") { all.append(ClientLatency(MockServer(bench), name: "mock")) }
            if bench.wants("kafka") {
                for flushes in [false, true] {
                    let kafka = try ApacheKafka(bench, flushes: flushes)
                    all.append(ClientLatency(kafka, name: kafka.name))
                }
            }
            if bench.wants("redis") {
                for always in [true, false] {
                    all.append(OneAtATime(try StreamServer(bench, .redis(always: always)), bench))
                }
            }
            if bench.wants("nats") { all.append(OneAtATime(try StreamServer(bench, .nats), bench)) }
            return all
        }
    }

    static var producers: Scenario {
        Scenario(
            name: "producers-64",
            summary: "64 producers, one record of 100 bytes in flight each",
            marks: [
                Mark(
                    text: "acknowledgements in the time of one raw append and fdatasync",
                    bound: .atLeast(20),
                    value: { round in
                        guard let ours = round["varve"], let sync = round["disk"]?.p50 else {
                            return nil
                        }
                        return ours.recordsPerSecond * sync / 1000
                    }),
                .own("acknowledgements for one sync", .atLeast(20)) { ours in
                    ours.syncs.map { Double(ours.records) / Double(max(1, $0)) }
                },
            ]
        ) { bench in
            [
                WireProducing(try VarveServer(bench), connections: 64, records: 64 * 100),
                Limits.sync(bench, bytes: batchBytes, count: 300),
            ]
        }
    }

    private static func ratio(
        _ text: String, _ bound: Double, _ limit: String,
        _ figure: @escaping (Measurement) -> Double?
    ) -> Mark {
        Mark(
            text: text, bound: .atMost(bound),
            value: { round in
                guard let ours = round["varve"].flatMap(figure),
                    let theirs = round[limit].flatMap(figure), theirs > 0
                else { return nil }
                return ours / theirs
            })
    }
}

/// Varve, with the bare client: so many connections with one record in flight each.
final class WireProducing: Contestant {
    let name = "varve"
    let isDurable = true
    private let server: VarveServer
    private let connections: Int
    private let records: Int

    init(_ server: VarveServer, connections: Int, records: Int) {
        self.server = server
        self.connections = connections
        self.records = records
    }

    func prepare() throws { try server.start(partitions: 1) }

    func measure(round: Int) throws -> Measurement {
        let topic = "bench-\(round)"
        try KafkaTopic.make(topic, on: server)
        // The first record makes the segment's file, which is not what is measured.
        let first = try produce(1, topic, connections: 1)
        let watch = SyncWatch(server.process, log: "\(server.data).\(round)")
        var (report, measurement) = try server.measured {
            try produce(records, topic, connections: connections)
        }
        measurement.syncs = watch?.count()
        if let syncs = measurement.syncs, syncs * connections < records {
            throw BenchError.failed(
                "\(records) acknowledgements, \(connections) at a time, with \(syncs) syncs: "
                    + "not durable")
        }
        let read = try server.consume(topic, partitions: 1, records: first.records + report.records)
        guard read.bytes == first.bytes + report.bytes,
            UInt64(read.sum, radix: 16)
                == UInt64(first.sum, radix: 16).flatMap({ first in
                    UInt64(report.sum, radix: 16).map { $0 &+ first }
                })
        else { throw BenchError.failed("varve: other bytes were read than acknowledged") }
        return measurement
    }

    private func produce(_ count: Int, _ topic: String, connections: Int) throws -> LoadReport {
        try server.bench.programs.run(
            .kafkaWire, "produce",
            [
                "port": "\(server.port)", "topic": topic, "connections": "\(connections)",
                "records": "\(count)", "bytes": "100",
            ])
    }

    func finish() { server.stop() }
}

/// A Kafka broker, with librdkafka and no lingering: one record at a time.
final class ClientLatency: Contestant {
    let name: String
    private let server: any KafkaBroker

    init(_ server: any KafkaBroker, name: String) {
        self.server = server
        self.name = name
    }

    var isDurable: Bool { server.isDurable }

    func prepare() throws { try server.start(partitions: 1) }

    func measure(round: Int) throws -> Measurement {
        let topic = "bench-\(round)"
        let (report, measurement) = try server.measured {
            try server.bench.programs.run(
                .kafkaClient, "latency",
                [
                    "bootstrap": server.bootstrap, "topic": server.name(of: topic),
                    "records": "400", "bytes": "100",
                ])
        }
        try server.verify(report, in: topic, partitions: 1)
        return measurement
    }

    func finish() { server.stop() }
}

/// A system with a client of its own, one record at a time.
final class OneAtATime: Contestant {
    private let server: any EventServer
    private let bench: Workbench

    init(_ server: any EventServer, _ bench: Workbench) {
        self.server = server
        self.bench = bench
    }

    var name: String { server.name }
    var isDurable: Bool { server.isDurable }

    func prepare() throws { try server.start(partitions: 1) }

    func measure(round: Int) throws -> Measurement {
        let topic = "bench-\(round)"
        var load = Load(recordBytes: 100, records: 400)
        load.inFlight = 1
        let (report, measurement) = try server.measured {
            try server.produce(load, to: topic, seconds: bench.options.seconds)
        }
        try server.verify(report, in: topic, partitions: 1)
        return measurement
    }

    func finish() { server.stop() }
}
