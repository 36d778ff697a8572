import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Batches as producers send them.
enum Batches {
    static func batch(
        _ values: [[UInt8]], timestamp: Int64 = 1_767_225_600_000, key: String? = nil,
        producerID: Int64 = -1, epoch: Int16 = -1, sequence: Int32 = -1,
        codec: CompressionCodec = .none, attributes: BatchAttributes? = nil
    ) -> ByteSlice {
        var builder = RecordBatchBuilder(codec: codec, attributes: attributes)
        for value in values {
            builder.append(
                timestamp: timestamp, key: key.map { ByteSlice($0) }, value: ByteSlice(value))
        }
        do {
            return try builder.finish(
                producerID: producerID, producerEpoch: epoch, baseSequence: sequence)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    static func random(_ generator: inout Generator, timestamp: Int64) -> ByteSlice {
        let count = generator.int(1...4)
        return batch(
            (0..<count).map { _ in generator.bytes(generator.int(0...700)) }, timestamp: timestamp)
    }

    /// The batch as the log stores it at `offset`.
    static func stamped(_ batch: ByteSlice, at offset: Int64) -> ByteSlice {
        ByteSlice(filling: batch.count) { buffer in
            batch.withUnsafeBytes { buffer.copyMemory(from: $0) }
            RecordBatchHeader.stamp(buffer, baseOffset: offset, partitionLeaderEpoch: 0)
            return batch.count
        }
    }
}

extension PartitionLog {
    /// Everything from `offset` (or the start) to the durable end, batch by batch.
    func everything(
        from offset: Int64? = nil, bytesMax: Int = 4000
    ) throws -> [(header: RecordBatchHeader, bytes: ByteSlice)] {
        var found: [(header: RecordBatchHeader, bytes: ByteSlice)] = []
        var next = offset ?? startOffset
        while next < durableEnd {
            let result = try read(from: next, bytesMax: bytesMax)
            if result.batches.isEmpty { break }
            found += RecordBatch.batches(in: result.batches).map { ($0.header, $0.bytes) }
            #expect(result.nextOffset > next, "a read that found something must move on")
            next = result.nextOffset
        }
        return found
    }
}

/// A data directory on a simulated disk, committed by hand.
struct LogFixture {
    let disk: SimulatedDisk
    var directory: DataDirectory
    var now: Int64 = 1_767_225_600_000

    static func options() -> DataDirectoryOptions { DataDirectoryOptions(commit: .manual) }

    init(seed: UInt64 = 1, options: DataDirectoryOptions = Self.options()) throws {
        disk = SimulatedDisk(seed: seed)
        directory = try DataDirectory.open(
            path: "/data", disk: disk, options: options, now: now, logger: nil)
    }

    /// A topic with one partition.
    mutating func partition(_ overrides: [String: String] = [:]) throws -> PartitionLog {
        try directory.createTopic("events", partitions: 1, overrides: overrides, now: now)
            .partitions[0]
    }

    var log: PartitionLog { directory.topic("events")!.partitions[0] }

    @discardableResult
    func append(_ values: [String], timestamp: Int64? = nil) throws -> AppendResult {
        try log.append(
            Batches.batch(values.map { Array($0.utf8) }, timestamp: timestamp ?? now), now: now)
    }

    /// A commit that writes a mark as well.
    /// - Parameter operation: the process dies at that disk operation of it.
    mutating func commitWithMark(dyingAt operation: Int? = nil) {
        now += 60_000
        directory.tick(now: now)
        if let operation { disk.die(at: disk.operationCount + operation) }
        directory.commitNow()
    }

    /// Reopens after `disk.kill()` or `disk.powerCut()`.
    mutating func reopen(options: DataDirectoryOptions = Self.options()) throws {
        directory = try DataDirectory.open(
            path: "/data", disk: disk, options: options, now: now, logger: nil)
    }

    /// Clean stop and start.
    mutating func restart() throws {
        try directory.close(now: now)
        disk.kill()
        try reopen()
    }

    var report: PartitionReport { directory.recovery.partitions[0] }

    func path(_ base: Int64, _ suffix: String) -> String {
        let digits = String(base)
        return "/data/topics/events/0/" + String(repeating: "0", count: 20 - digits.count) + digits
            + "." + suffix
    }

    /// The batches of the segment as its file has them, without what was written ahead.
    func batchBytes(_ base: Int64) throws -> [UInt8] {
        let bytes = try #require(disk.contents(path(base, "log")))
        return Array(bytes[..<Self.batchEnd(bytes)])
    }

    /// Where the batches of a segment's file end.
    static func batchEnd(_ bytes: [UInt8]) -> Int {
        RecordBatch.batches(in: ByteSlice(bytes)).reduce(0) { $0 + $1.bytes.count }
    }

    /// The values of all records that can be read.
    func values() throws -> [String] {
        try log.everything().flatMap { try RecordBatch.records(in: $0.bytes) }
            .map { $0.value?.string ?? "null" }
    }
}

extension SimulatedDisk {
    /// Runs `body` once, behind the next operation that changes something, on its thread; or, given
    /// `call`, behind the next of these that ends so in the log of operations, which begins anew.
    /// - Returns: whether it has.
    @discardableResult
    func once(
        behind call: String? = nil, _ body: @escaping @Sendable () throws -> Void
    ) -> Lock<Bool> {
        if call != nil { beginLog() }
        let isDone = Lock(false)
        setObserver { [weak self] in
            if let call, self?.operationLog.last?.hasSuffix(call) != true { return }
            guard !isDone.withLock({ isDone in
                defer { isDone = true }
                return isDone
            }) else { return }
            #expect(throws: Never.self) { try body() }
        }
        return isDone
    }
}
