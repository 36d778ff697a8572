/// A system that has a load generator of its own in Benchmarks/load.
final class StreamServer: EventServer {
    /// What tells one system from another.
    struct Kind: Sendable {
        let name: String
        let isDurable: Bool
        let client: LoadPrograms.Name
        /// The server's program, and what to say where it is not there.
        let program: String
        let remedy: String
        /// Its arguments, for a port and a directory.
        let arguments: @Sendable (_ port: Int, _ data: String) -> [String]
    }

    let data: String
    private let bench: Workbench
    private let kind: Kind
    private let port: Int
    private var program: Program?

    init(_ bench: Workbench, _ kind: Kind) throws {
        self.bench = bench
        self.kind = kind
        data = try bench.makeDirectory(kind.name)
        port = try bench.freePort()
    }

    var name: String { kind.name }
    var isDurable: Bool { kind.isDurable }
    var process: Int32 { program?.identifier ?? 0 }

    func start(partitions: Int) throws {
        guard let path = Program.find(kind.program) else { throw BenchError.missing(kind.remedy) }
        let program = try Program(path, kind.arguments(port, data), log: data + "/server")
        self.program = program
        try Readiness.listening(port, of: program)
    }

    func produce(_ load: Load, to topic: String, seconds: Int) throws -> LoadReport {
        try bench.programs.run(
            kind.client, "produce",
            [
                "port": "\(port)", "topic": topic, "bytes": "\(load.recordBytes)",
                "records": "\(load.records)", "seconds": "\(seconds)",
                "depth": "\(load.inFlight)",
            ])
    }

    func consume(_ topic: String, partitions: Int, records: Int) throws -> LoadReport {
        try bench.programs.run(
            kind.client, "consume",
            ["port": "\(port)", "topic": topic, "records": "\(records)"])
    }

    func stop() { program?.stop() }
}

extension StreamServer.Kind {
    /// NATS JetStream with file storage, as it comes: it acknowledges before it syncs.
    static let nats = Self(
        name: "nats", isDurable: false, client: .natsClient, program: "nats-server",
        remedy: "NATS: apt-get install nats-server"
    ) { port, data in ["-a", "127.0.0.1", "-p", "\(port)", "-js", "-sd", data] }

    /// Redis Streams, with an append-only file that is synced before each answer, or every second.
    static func redis(always: Bool) -> Self {
        Self(
            name: always ? "redis-always" : "redis-everysec", isDurable: always,
            client: .redisClient, program: "redis-server",
            remedy: "Redis: apt-get install redis-server"
        ) { port, data in
            [
                "--bind", "127.0.0.1", "--port", "\(port)", "--dir", data, "--save", "",
                "--appendonly", "yes", "--appendfsync", always ? "always" : "everysec",
                "--auto-aof-rewrite-percentage", "0",
            ]
        }
    }
}
