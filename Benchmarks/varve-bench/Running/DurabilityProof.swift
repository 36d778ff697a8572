import VarvePlatform

/// Shows before anything is timed that this broker syncs before it acknowledges: one record at a
/// time, and the kernel must count at least one fdatasync for each.
enum DurabilityProof {
    static let records = 50

    /// - Returns: what was seen, for the report.
    /// - Throws: `.missing` where nobody can watch; `.failed` when acknowledgements came without.
    static func run(_ bench: Workbench) throws -> String {
        let server = try VarveServer(bench)
        try server.start(partitions: 1)
        defer { server.stop() }
        func produce(_ count: Int) throws -> LoadReport {
            try bench.programs.run(
                .kafkaWire, "produce",
                ["port": "\(server.port)", "topic": "proof", "records": "\(count)"])
        }
        try KafkaTopic.make("proof", on: server)
        guard let watch = SyncWatch(server.process, log: server.data) else {
            throw BenchError.missing(SyncWatch.remedy)
        }
        let report = try produce(records)
        guard let syncs = watch.count() else { throw BenchError.missing(SyncWatch.remedy) }
        guard report.records == records, syncs >= records else {
            throw BenchError.failed(
                "\(report.records) records were acknowledged one at a time, and the kernel "
                    + "counted only \(syncs) syncs: this broker is not durable")
        }
        return "durable: \(syncs) syncs counted by the kernel for \(records) acknowledgements one "
            + "at a time"
    }
}
