/// A server that is produced to, a new topic in each round, and read back and compared.
final class Producing: Contestant {
    let name: String
    private let server: any EventServer
    private let bench: Workbench
    private let load: Load
    /// Bytes that one sync covered in the last run, where they were counted: what the disk's own
    /// limit is measured with.
    private(set) var bytesPerSync: Int?

    init(_ server: any EventServer, _ load: Load, _ bench: Workbench, name: String? = nil) {
        self.server = server
        self.load = load
        self.bench = bench
        self.name = name ?? server.name
    }

    var isDurable: Bool { server.isDurable }

    func prepare() throws { try server.start(partitions: load.partitions) }

    func measure(round: Int) throws -> Measurement {
        let topic = "bench-\(round)"
        if load.isBare, let broker = server as? any KafkaBroker {
            try KafkaTopic.make(topic, partitions: load.partitions, on: broker)
        }
        let watch =
            server is VarveServer
            ? SyncWatch(server.process, log: "\(server.data).\(round)") : nil
        var (report, measurement) = try server.measured {
            try server.produce(load, to: topic, seconds: bench.options.seconds)
        }
        if let watch, let syncs = watch.count() {
            measurement.syncs = syncs
            guard syncs > 0 else {
                throw BenchError.failed("\(name): acknowledged without a sync: not durable")
            }
            bytesPerSync = report.bytes / syncs
        }
        try server.verify(report, in: topic, partitions: load.partitions)
        if let broker = server as? any KafkaBroker { try KafkaTopic.delete(topic, on: broker) }
        return measurement
    }

    func finish() { server.stop() }
}
