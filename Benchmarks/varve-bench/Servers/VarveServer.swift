import Foundation
import VarvePlatform

/// Varve's broker, as it comes, in a process of its own.
class VarveServer: KafkaBroker {
    let bench: Workbench
    var name: String { "varve" }
    let isDurable = true
    let data: String
    let port: Int
    let httpPort: Int
    private let settings: [String]
    private var program: Program?

    /// - Parameters:
    ///   - data: a data directory that is there already.
    ///   - settings: NAME=VALUE, as `--set` takes them.
    init(_ bench: Workbench, data: String? = nil, settings: [String] = []) throws {
        self.bench = bench
        self.settings = settings
        self.data = try data ?? bench.makeDirectory("varve") + "/data"
        port = try bench.freePort()
        httpPort = try bench.freePort()
    }

    var bootstrap: String { "127.0.0.1:\(port)" }
    var process: Int32 { program?.identifier ?? 0 }

    func start(partitions: Int) throws {
        let set = ["num.partitions=\(partitions)", "group.initial.rebalance.delay.ms=0"] + settings
            + bench.options.settings
        let program = try Program(
            bench.broker,
            [
                "broker", "--data", data, "--listen", bootstrap, "--http", "127.0.0.1:\(httpPort)",
                "--log-level", "warning",
            ] + set.flatMap { ["--set", $0] }, log: data + ".log")
        self.program = program
        do { try Readiness.answering(port, of: program) } catch {
            throw BenchError.failed("varve: \(error)")
        }
    }

    func produce(_ load: Load, to topic: String, seconds: Int) throws -> LoadReport {
        try produceByLoad(load, to: topic, seconds: seconds)
    }

    func stop() { program?.stop() }

    /// kill -9.
    func kill() { program?.kill() }
}
