import VarveLog
import VarvePlatform
import VarveRecords

/// One writer, one batch at a time, each waited for until it is on disk: the latency of an
/// acknowledgement, against a bare append and fdatasync of the same bytes.
struct AcknowledgeScenario: Scenario {
    let name = "acknowledge"
    let summary = "append one batch and wait for its commit, against pwrite and fdatasync"
    let unit = "batches/s"
    let batchCount = 300
    let batch: ByteSlice

    init() throws {
        batch = try makeBatch(recordCount: 1, valueBytes: 100)
    }

    func limit(in directory: String) throws -> Double {
        let file = try PosixDisk().open(directory + "/limit", .create)
        try file.truncate(to: 0)
        let start = SystemClock.monotonicNanoseconds()
        for index in 0..<batchCount {
            try batch.withUnsafeBytes { (bytes) throws(SystemError) in
                try file.write(bytes, at: Int64(index * bytes.count))
            }
            try file.syncData()
        }
        return perSecond(batchCount, since: start)
    }

    func ours(in directory: String) throws -> Double {
        try withPartition(in: directory) { partition in
            let start = SystemClock.monotonicNanoseconds()
            for _ in 0..<batchCount { try appendAndWait(batch, to: partition) }
            return perSecond(batchCount, since: start)
        }
    }
}

/// Many writers on one partition, each with one batch in flight: what group commit makes of them,
/// against the same batches written and synced one after another.
struct GroupCommitScenario: Scenario {
    let name = "group-commit"
    let summary = "64 writers with one batch in flight each, against a sync for every batch"
    let unit = "batches/s"
    let writerCount = 64
    let batchesPerWriter = 40
    let batch: ByteSlice

    init() throws {
        batch = try makeBatch(recordCount: 1, valueBytes: 100)
    }

    func limit(in directory: String) throws -> Double {
        try AcknowledgeScenario().limit(in: directory)
    }

    func ours(in directory: String) throws -> Double {
        try withPartition(in: directory) { partition in
            let start = SystemClock.monotonicNanoseconds()
            let failures = Lock(0)
            let writers = (0..<writerCount).map { number in
                NamedThread("writer-\(number)") {
                    for _ in 0..<batchesPerWriter {
                        do {
                            try appendAndWait(batch, to: partition)
                        } catch {
                            failures.withLock { $0 += 1 }
                        }
                    }
                }
            }
            for writer in writers { writer.join() }
            guard failures.withLock({ $0 }) == 0 else { throw BenchmarkError.appendsFailed }
            return perSecond(writerCount * batchesPerWriter, since: start)
        }
    }
}

/// A stream of large batches with a bounded number in flight, against writing the same bytes in
/// 256 KiB pieces with an fdatasync for each MiB.
struct StreamScenario: Scenario {
    let name = "stream"
    let summary = "1 KiB records in 256 KiB batches, durable, against pwrite and fdatasync each MiB"
    let unit = "MB/s"
    let batchCount = 400
    let batch: ByteSlice

    init() throws {
        batch = try makeBatch(recordCount: 250, valueBytes: 1024)
    }

    func limit(in directory: String) throws -> Double {
        let file = try PosixDisk().open(directory + "/limit", .create)
        try file.truncate(to: 0)
        let start = SystemClock.monotonicNanoseconds()
        for index in 0..<batchCount {
            try batch.withUnsafeBytes { (bytes) throws(SystemError) in
                try file.write(bytes, at: Int64(index * bytes.count))
            }
            if index % 4 == 3 { try file.syncData() }
        }
        try file.syncData()
        return perSecond(batchCount * batch.count, since: start) / 1e6
    }

    func ours(in directory: String) throws -> Double {
        try withPartition(in: directory) { partition in
            let start = SystemClock.monotonicNanoseconds()
            let inFlight = Lock(0)
            for _ in 0..<batchCount {
                _ = inFlight.wait { count -> Bool? in
                    guard count < 16 else { return nil }
                    count += 1
                    return true
                }
                let result = try partition.append(batch, now: SystemClock().wallMilliseconds())
                partition.whenDurable(result.lastOffset + 1) { _ in
                    inFlight.withLock { $0 -= 1 }
                    inFlight.signal()
                }
            }
            _ = inFlight.wait { $0 == 0 ? true : nil }
            guard partition.durableEnd == Int64(batchCount * 250) else {
                throw BenchmarkError.appendsFailed
            }
            return perSecond(batchCount * batch.count, since: start) / 1e6
        }
    }
}

enum BenchmarkError: Error {
    case appendsFailed
}

// MARK: - What they share

/// Values that do not compress to nothing, the same in every run.
func makeBatch(recordCount: Int, valueBytes: Int) throws -> ByteSlice {
    var builder = RecordBatchBuilder()
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    for index in 0..<recordCount {
        let value = ByteSlice(
            (0..<valueBytes).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            })
        builder.append(timestamp: 1_700_000_000_000 + Int64(index), key: nil, value: value)
    }
    return try builder.finish()
}

private func withPartition(
    in directory: String, _ body: (PartitionLog) throws -> Double
) throws -> Double {
    let now = SystemClock().wallMilliseconds()
    let data = try DataDirectory.open(
        path: directory + "/data", disk: PosixDisk(), options: DataDirectoryOptions(), now: now,
        logger: nil)
    let topic = try data.createTopic("bench", partitions: 1, now: now)
    let rate = try body(topic.partitions[0])
    try data.deleteTopic("bench")
    try data.close(now: now)
    return rate
}

private func appendAndWait(_ batch: ByteSlice, to partition: PartitionLog) throws {
    let result = try partition.append(batch, now: SystemClock().wallMilliseconds())
    let outcome = Lock<LogError??>(nil)
    partition.whenDurable(result.lastOffset + 1) { error in
        outcome.withLock { $0 = .some(error) }
        outcome.signal()
    }
    if let error = outcome.wait({ $0 }) ?? nil { throw error }
}

private func perSecond(_ count: Int, since start: Int64) -> Double {
    Double(count) * 1e9 / Double(SystemClock.monotonicNanoseconds() - start)
}
