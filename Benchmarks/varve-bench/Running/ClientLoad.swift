import Foundation
import VarveClient
import VarvePlatform
import VarveRecords

/// `varve-bench client produce BOOTSTRAP TOPIC PARTITIONS BYTES RECORDS SECONDS`: a load generator
/// of VarveClient, which this program runs as a process of its own. Its events are those of the C
/// programs (Benchmarks/load/bench.h), and so is the line it prints.
enum ClientLoad {
    static func start(_ words: [String], log: String) throws -> LoadReport {
        guard let own = ProcessControl.executablePath() else {
            throw BenchError.missing("/proc is not there")
        }
        let output = try Program(own, ["client"] + words, log: log).output()
        return try JSONDecoder().decode(LoadReport.self, from: Data(output.utf8))
    }

    static func run(_ words: [String]) throws {
        guard words.count == 7, words[0] == "produce", let bootstrap = Endpoint(words[1]),
            let partitions = Int(words[3]), let bytes = Int(words[4]), let records = Int(words[5]),
            let seconds = Int64(words[6])
        else { throw BenchError.usage("client takes what varve-bench gives it") }
        let done = Lock<Result<LoadReport, any Error>?>(nil)
        Task {
            let result: Result<LoadReport, any Error>
            do {
                result = .success(
                    try await produce(
                        bootstrap, topic: words[2], partitions: partitions, bytes: bytes,
                        records: records, seconds: seconds))
            } catch {
                result = .failure(error)
            }
            done.withLock { $0 = result }
            done.signal()
        }
        guard let result = done.wait({ $0 }) else { return }
        print(String(decoding: try JSONEncoder().encode(try result.get()), as: UTF8.self))
    }

    private static func produce(
        _ bootstrap: Endpoint, topic: String, partitions: Int, bytes: Int, records: Int,
        seconds: Int64
    ) async throws -> LoadReport {
        var configuration = ProducerConfiguration()
        configuration.codec = .none
        let cluster = Cluster(ClientConfiguration(bootstrap: [bootstrap]))
        let producer = Producer(cluster, configuration)
        let pool = EventPool()
        let failures = Lock(0)
        let timestamp = SystemClock().wallMilliseconds()
        let start = SystemClock.monotonicNanoseconds()
        let cpu = try ProcessFigures.cpuSeconds(ProcessControl.identifier)
        var (sum, sent): (UInt64, Int) = (0, 0)
        while sent < records {
            if sent % 256 == 0,
                SystemClock.monotonicNanoseconds() - start > seconds * 1_000_000_000
            {
                break
            }
            let (event, number) = pool.event(sent, bytes: bytes)
            sum &+= number
            try await producer.enqueue(
                topic: topic, partition: Int32(sent / 100 % partitions),
                Record(timestamp: timestamp, value: event)
            ) { result in
                if case .failure = result { failures.withLock { $0 += 1 } }
            }
            sent += 1
        }
        try await producer.flush()
        let report = LoadReport(
            records: sent, bytes: sent * bytes,
            sum: String(format: "%016lx", sum), errors: failures.withLock { $0 },
            seconds: Double(SystemClock.monotonicNanoseconds() - start) / 1e9,
            clientCPU: try ProcessFigures.cpuSeconds(ProcessControl.identifier) - cpu, samples: 0,
            p50: 0, p99: 0, p999: 0)
        await producer.close()
        return report
    }
}

/// Events of bytes that do not compress, with the sum that tells them apart.
private struct EventPool {
    private let bytes: ByteSlice
    private static let byteCount = 1 << 20

    init() {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        bytes = ByteSlice(
            (0..<Self.byteCount).map { _ in
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return UInt8(truncatingIfNeeded: state)
            })
    }

    /// Event `number` and its sum, as `event_sum` in Benchmarks/load/bench.h.
    func event(_ number: Int, bytes count: Int) -> (ByteSlice, UInt64) {
        let place = number * 4129 % (Self.byteCount - count) & ~7
        let event = bytes[place..<place + count]
        let sum = event.withUnsafeBytes { raw in
            var (a, b) = (UInt64(count) &* 0x9E37_79B9_7F4A_7C15, UInt64(0))
            var at = 0
            while at + 8 <= count {
                a &+= raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                b &+= a
                at += 8
            }
            var lane: UInt64 = 0
            for index in at..<count { lane |= UInt64(raw[index]) << UInt64(8 * (index - at)) }
            a &+= lane
            b &+= a
            var mixed = b ^ (a << 32 | a >> 32)
            mixed = mixed &* 0xFF51_AFD7_ED55_8CCD
            return mixed ^ mixed >> 33
        }
        return (event, sum)
    }
}
