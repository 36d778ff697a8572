import Foundation
import VarvePlatform

/// How fast a worker carries events to its sink. The CPU is the worker's; rates for each core are
/// the events that one CPU second of it delivers.
enum DeliveryScenario {
    static let sinkCount = 3

    static var delivery: Scenario {
        Scenario(
            name: "delivery",
            summary: "events of 2.3 KB, unparsed, to each kind of sink; the CPU is the worker's",
            unit: "events",
            marks: [
                perCore("archive", 300_000), perCore("sqlite", 100_000), perCore("bulk", 200_000),
                Mark(
                    text: "events for a CPU second, sqlite over libsqlite3 alone",
                    bound: .atLeast(0.7),
                    value: { round in
                        guard let ours = round["sqlite"]?.brokerCPUPerMillion,
                            let library = round["libsqlite3"]?.brokerCPUPerMillion
                        else { return nil }
                        return library / ours
                    }),
            ]
        ) { bench in
            let source = try DeliverySource(bench)
            return [
                Delivering("archive", source) { directory in
                    #"{ "type": "archive", "directory": "\#(directory)/archive" }"#
                },
                Delivering("sqlite", source) { directory in
                    #"{ "type": "sqlite", "path": "\#(directory)/search.sqlite" }"#
                },
                Delivering("bulk", source) { _ in
                    let url = "http://127.0.0.1:\(try source.bulkPort())"
                    return #"{ "type": "elasticsearch", "url": "\#(url)", "gzip": false }"#
                },
                source.limit("liblz4", "lz4"), source.limit("libsqlite3", "sqlite"),
            ]
        }
    }

    /// Enough that the start of a process, which is no delivery, is a small part of its CPU.
    static let records = 240_000
    /// What one batch of the workers comes to: 16 MiB of events.
    static let batchRecords = 7_000

    private static func perCore(_ name: String, _ bound: Double) -> Mark {
        Mark(
            text: "events for a CPU second of the worker, \(name)", bound: .atLeast(bound),
            value: { round in
                guard let figures = round[name], let cpu = figures.brokerCPU, cpu > 0 else {
                    return nil
                }
                return Double(figures.records) / cpu
            })
    }
}

/// The broker that all the workers read from, filled once.
private final class DeliverySource {
    let bench: Workbench
    let server: VarveServer
    private(set) var sent: LoadReport?
    private var bulk: (program: Program, port: Int)?
    private var finished: Set<String> = []

    init(_ bench: Workbench) throws {
        self.bench = bench
        server = try VarveServer(bench)
    }

    func prepare() throws {
        guard sent == nil else { return }
        try server.start(partitions: 4)
        let load = Load(
            recordBytes: CompressedScenario.eventBytes, records: DeliveryScenario.records,
            partitions: 4, codec: "lz4", lines: try lines())
        let report = try server.produce(load, to: "bench", seconds: 30)
        try server.verify(report, in: "bench", partitions: 4)
        sent = report
    }

    private func lines() throws -> String {
        try bench.options.events ?? LookAlikeEvents.file(bench)
    }

    /// A library alone, with the same events in the same batches: the bound of the sinks that are
    /// made of it. Its CPU stands for the worker's.
    func limit(_ name: String, _ verb: String) -> Single {
        Single(name, isDurable: verb == "sqlite") { [self] _ in
            let directory = try bench.makeDirectory("limit")
            defer { bench.remove(directory) }
            var measurement = Measurement(
                try bench.programs.run(
                    .deliveryLimit, verb,
                    [
                        "lines": try lines(), "records": "\(DeliveryScenario.records)",
                        "batch": "\(DeliveryScenario.batchRecords)",
                        "file": directory + "/search.sqlite",
                    ]))
            measurement.brokerCPU = measurement.clientCPU
            measurement.clientCPU = nil
            return measurement
        }
    }

    /// The port of a receiver of bulk requests.
    func bulkPort() throws -> Int {
        if let bulk { return bulk.port }
        let program = try bench.programs.start(.bulkStub, "serve", [:])
        guard let port = Int(try program.firstLine()) else {
            throw BenchError.failed("the receiver of bulk requests has no port")
        }
        bulk = (program, port)
        return port
    }

    /// Called by each worker that has ended; the last one ends the broker.
    func finish(_ worker: String) {
        finished.insert(worker)
        guard finished.count == DeliveryScenario.sinkCount else { return }
        server.stop()
        bulk?.program.kill()
    }
}

/// A worker with one sink, that delivers everything from the start in each round.
private final class Delivering: Contestant {
    let name: String
    let isDurable = true
    private let source: DeliverySource
    private let sink: (String) throws -> String

    init(_ name: String, _ source: DeliverySource, sink: @escaping (String) throws -> String) {
        self.name = name
        self.source = source
        self.sink = sink
    }

    func prepare() throws { try source.prepare() }

    func measure(round: Int) throws -> Measurement {
        guard let sent = source.sent else { throw BenchError.failed("nothing to deliver") }
        let (bench, server) = (source.bench, source.server)
        let directory = try bench.makeDirectory("delivery")
        // Large batches, as behind a lag, and no long wait for the last one to fill.
        // A worker's name is its group's: another one in each round begins at the start.
        let worker = "\(name)-\(round)"
        try """
        { listen: "\(server.bootstrap)", dataDirectory: "\(directory)/unused",
          workers: [{ name: "\(worker)", topics: ["bench"], sink: \(try sink(directory)),
            batch: { events: 10000, bytes: 16777216, ageMilliseconds: 100 } }] }
        """.write(toFile: directory + "/varve.json", atomically: true, encoding: .utf8)
        let start = SystemClock.monotonicNanoseconds()
        let program = try Program(
            bench.broker,
            ["worker", worker, "--config", directory + "/varve.json", "--log-level", "warning"],
            log: directory + "/worker")
        defer { program.stop() }
        let committed = #"kafka_consumergroup_current_offset{consumergroup="varve-\#(worker)""#
        // Offsets are committed behind the verdicts: all committed means all delivered.
        while try Int(server.metric(beginning: committed)) != sent.records {
            if let how = program.ended {
                throw BenchError.failed("the worker ended: \(program.complaint) (\(how))")
            }
            guard SystemClock.monotonicNanoseconds() - start < 120_000_000_000 else {
                throw BenchError.failed("the worker did not deliver all in 120 s")
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
        var measurement = Measurement()
        measurement.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
        measurement.records = sent.records
        measurement.bytes = sent.bytes
        measurement.brokerCPU = try ProcessFigures.cpuSeconds(program.identifier)
        let memory = try ProcessFigures.residentBytes(program.identifier)
        measurement.residentBytes = memory.now
        measurement.residentBytesMax = memory.peak
        program.stop()
        try verify(directory, sent)
        bench.remove(directory)
        return measurement
    }

    /// Counts what arrived, where it can be counted from outside.
    private func verify(_ directory: String, _ sent: LoadReport) throws {
        let command: String
        switch name {
        case "archive":
            command = "find \(directory)/archive -name '*.lz4' -exec lz4 -dc {} \\; | wc -l"
        case "sqlite": command = "sqlite3 \(directory)/search.sqlite 'select count(*) from events'"
        default: return
        }
        // The command line tools are not everywhere; the committed offsets are the check then.
        guard Program.find(name == "archive" ? "lz4" : "sqlite3") != nil else { return }
        let text = try Program("/bin/sh", ["-c", command], log: directory + "/count").output()
        guard Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) == sent.records else {
            throw BenchError.failed(
                "\(name): \(sent.records) events were delivered, and \(text) are there")
        }
    }

    func finish() { source.finish(name) }
}
