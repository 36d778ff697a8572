/// NATS JetStream with file storage, as it comes: it acknowledges before it syncs.
final class NATSServer: EventServer {
    private let bench: Workbench
    let name = "nats"
    let isDurable = false
    let data: String
    private let port: Int
    private var program: Program?

    init(_ bench: Workbench) throws {
        self.bench = bench
        data = try bench.makeDirectory("nats")
        port = try bench.freePort()
    }

    var process: Int32 { program?.identifier ?? 0 }

    func start(partitions: Int) throws {
        guard let path = Program.find("nats-server") else {
            throw BenchError.missing("NATS: apt-get install nats-server")
        }
        let program = try Program(
            path, ["-a", "127.0.0.1", "-p", "\(port)", "-js", "-sd", data], log: data + "/server")
        self.program = program
        try Readiness.listening(port, of: program)
    }

    func produce(_ load: Load, to topic: String, seconds: Int) throws -> LoadReport {
        try bench.programs.run(
            .natsClient, "produce",
            [
                "port": "\(port)", "topic": topic, "bytes": "\(load.recordBytes)",
                "records": "\(load.records)", "seconds": "\(seconds)",
                "depth": "\(load.inFlight)",
            ])
    }

    func consume(_ topic: String, partitions: Int, records: Int) throws -> LoadReport {
        try bench.programs.run(
            .natsClient, "consume",
            ["port": "\(port)", "topic": topic, "records": "\(records)"])
    }

    func stop() { program?.stop() }
}
