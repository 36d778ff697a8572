/// What a load generator prints at its end.
struct LoadReport: Codable, Sendable {
    var records: Int
    var bytes: Int
    /// Changes with any byte of any record; the same in whatever order they are read.
    var sum: String
    var errors: Int
    var seconds: Double
    /// The generator's own CPU seconds.
    var clientCPU: Double
    /// Latencies in milliseconds, and of how many records.
    var samples: Int
    var p50: Double
    var p99: Double
    var p999: Double
}

/// The figures of one run of one contestant.
struct Measurement: Codable, Sendable {
    /// What was counted: records, commits, starts.
    var records = 0
    /// Bytes of their values, as they were before any compression.
    var bytes = 0
    var seconds = 0.0
    /// CPU seconds of the broker and of the load generator, apart.
    var brokerCPU: Double?
    var clientCPU: Double?
    /// Latencies, milliseconds.
    var p50: Double?
    var p99: Double?
    var p999: Double?
    /// Memory of the broker after the run, and at its most since its start.
    var residentBytes: Int?
    var residentBytesMax: Int?
    /// What its files grew by on the disk.
    var diskBytes: Int?
    /// fdatasync and fsync calls during the run, as the kernel counted them.
    var syncs: Int?

    init() {}

    init(_ report: LoadReport) {
        records = report.records
        bytes = report.bytes
        seconds = report.seconds
        clientCPU = report.clientCPU
        if report.samples > 0 {
            p50 = report.p50
            p99 = report.p99
            p999 = report.p999
        }
    }

    var recordsPerSecond: Double { Double(records) / seconds }
    /// Megabytes of 10^6 bytes.
    var megabytesPerSecond: Double { Double(bytes) / seconds / 1e6 }
    var brokerCPUPerGigabyte: Double? { perGigabyte(brokerCPU) }
    var clientCPUPerGigabyte: Double? { perGigabyte(clientCPU) }
    var brokerCPUPerMillion: Double? {
        brokerCPU.flatMap { records > 0 ? $0 * 1e6 / Double(records) : nil }
    }

    private func perGigabyte(_ seconds: Double?) -> Double? {
        seconds.flatMap { bytes > 0 ? $0 * 1e9 / Double(bytes) : nil }
    }
}
