import Foundation
import VarvePlatform

/// What is produced in one run.
struct Load {
    var recordBytes: Int
    var records: Int
    var partitions = 1
    /// The codec that a Kafka client compresses with.
    var codec = "none"
    /// A file of lines to take the events' bytes from.
    var lines: String?
    /// The most records of a batch.
    var batchRecords = 10_000
    /// So many records go to a partition before the next has its turn.
    var run = 100
    /// The most records that are not acknowledged yet, for the clients that are not Kafka's.
    var inFlight = 1000
    /// Kafka's protocol bare, `inFlight` batches unanswered, in place of librdkafka: it has no cost
    /// of its own for each partition.
    var isBare = false
}

/// A system that takes events and gives them back: Varve or a peer of it.
protocol EventServer: AnyObject {
    var name: String { get }
    /// Whether an acknowledgement means that the events are on disk.
    var isDurable: Bool { get }
    /// Whether it keeps what it takes: the mock cluster does not.
    var keepsEvents: Bool { get }
    /// Whom to ask the kernel about.
    var process: Int32 { get }
    /// Where its files are.
    var data: String { get }
    /// Starts it, ready to be used on return. New topics have so many partitions.
    func start(partitions: Int) throws
    /// - Parameter seconds: the longest that it may take.
    func produce(_ load: Load, to topic: String, seconds: Int) throws -> LoadReport
    /// Reads so many records from the topic's start.
    func consume(_ topic: String, partitions: Int, records: Int) throws -> LoadReport
    func stop()
}

extension EventServer {
    var keepsEvents: Bool { true }

    /// Runs `body` and adds what the broker used meanwhile.
    func measured(_ body: () throws -> LoadReport) throws -> (LoadReport, Measurement) {
        let stored = data.isEmpty ? nil : ProcessFigures.diskBytes(data)
        let before = try ProcessFigures.cpuSeconds(process)
        let report = try body()
        var measurement = Measurement(report)
        measurement.brokerCPU = try ProcessFigures.cpuSeconds(process) - before
        try addMemory(to: &measurement)
        measurement.diskBytes = stored.map { ProcessFigures.diskBytes(data) - $0 }
        if report.errors > 0 {
            throw BenchError.failed("\(name): \(report.errors) records were refused")
        }
        return (report, measurement)
    }

    func addMemory(to measurement: inout Measurement) throws {
        let memory = try ProcessFigures.residentBytes(process)
        measurement.residentBytes = memory.now
        measurement.residentBytesMax = memory.peak
    }

    /// Compares what can be read with what was acknowledged.
    func verify(_ sent: LoadReport, in topic: String, partitions: Int) throws {
        guard keepsEvents else { return }
        try check(
            try consume(topic, partitions: partitions, records: sent.records), against: sent)
    }

    func check(_ read: LoadReport, against sent: LoadReport) throws {
        guard read.records == sent.records, read.bytes == sent.bytes, read.sum == sent.sum else {
            throw BenchError.failed(
                "\(name): \(sent.records) records of \(sent.bytes) bytes were acknowledged, and "
                    + "\(read.records) of \(read.bytes) read, or of other contents")
        }
    }
}

/// Waiting for a server to answer.
enum Readiness {
    /// Waits until somebody listens on `port`.
    static func listening(_ port: Int, of program: Program) throws {
        try wait(for: program) {
            _ = try Socket.connect(
                Endpoint(host: "127.0.0.1", port: port), timeoutMilliseconds: 100)
        }
    }

    /// Waits until a Kafka broker on `port` answers an ApiVersions request.
    static func answering(_ port: Int, of program: Program) throws {
        try wait(for: program) {
            let socket = try Socket.connect(
                Endpoint(host: "127.0.0.1", port: port), timeoutMilliseconds: 100)
            // Length 10, ApiVersions (18) version 0, correlation 1, no client id.
            let request = ByteSlice([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF])
            guard try socket.write([request], from: 0) == request.count,
                try socket.waitReadable(timeoutMilliseconds: 1000)
            else { throw BenchError.failed("no answer") }
            let count = try withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) {
                try socket.read(into: $0)
            }
            guard let count, count > 0 else { throw BenchError.failed("no answer") }
        }
    }

    private static func wait(for program: Program, _ attempt: () throws -> Void) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while true {
            do {
                return try attempt()
            } catch {
                if let how = program.ended {
                    throw BenchError.failed("it ended: \(program.complaint) (\(how))")
                }
                guard Date() < deadline else {
                    throw BenchError.failed("not ready in 60 s: \(program.complaint)")
                }
                Thread.sleep(forTimeInterval: 0.0005)
            }
        }
    }
}
