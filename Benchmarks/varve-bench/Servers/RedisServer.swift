/// Redis Streams, with an append-only file that is synced before each answer, or every second.
final class RedisServer: EventServer {
    private let bench: Workbench
    let isDurable: Bool
    let data: String
    private let port: Int
    private var program: Program?

    init(_ bench: Workbench, always: Bool) throws {
        self.bench = bench
        isDurable = always
        data = try bench.makeDirectory("redis")
        port = try bench.freePort()
    }

    var name: String { isDurable ? "redis-always" : "redis-everysec" }
    var process: Int32 { program?.identifier ?? 0 }

    func start(partitions: Int) throws {
        guard let path = Program.find("redis-server") else {
            throw BenchError.missing("Redis: apt-get install redis-server")
        }
        let program = try Program(
            path,
            [
                "--bind", "127.0.0.1", "--port", "\(port)", "--dir", data, "--save", "",
                "--appendonly", "yes", "--appendfsync", isDurable ? "always" : "everysec",
                "--auto-aof-rewrite-percentage", "0",
            ], log: data + "/server")
        self.program = program
        try Readiness.listening(port, of: program)
    }

    func produce(_ load: Load, to topic: String, seconds: Int) throws -> LoadReport {
        try bench.programs.run(
            .redisClient, "produce",
            [
                "port": "\(port)", "topic": topic, "bytes": "\(load.recordBytes)",
                "records": "\(load.records)", "seconds": "\(seconds)",
                "depth": "\(load.inFlight)",
            ])
    }

    func consume(_ topic: String, partitions: Int, records: Int) throws -> LoadReport {
        try bench.programs.run(
            .redisClient, "consume",
            ["port": "\(port)", "topic": topic, "records": "\(records)"])
    }

    func stop() { program?.stop() }
}
