import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Group commit with its real threads, on the real disk.
@Suite struct GroupCommitTests {
    private static func withDirectory(
        _ body: (String) throws -> Void
    ) throws {
        let path = NSTemporaryDirectory() + "varve-log-\(UniqueID.random())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private static func open(_ path: String, _ disk: any Disk) throws -> DataDirectory {
        try DataDirectory.open(
            path: path, disk: disk, options: DataDirectoryOptions(commit: .threads(syncers: 4)),
            now: SystemClock().wallMilliseconds(), logger: nil)
    }

    /// What producers were told, by partition.
    private final class Ledger: Sendable {
        let acknowledged = Lock<[Int: [Int64: ByteSlice]]>([:])
        let failures = Lock<[LogError]>([])
        let outstanding = Lock(0)

        func wait() {
            _ = outstanding.wait(timeoutMilliseconds: 60_000) { $0 == 0 ? true : nil }
            #expect(outstanding.withLock { $0 } == 0)
        }
    }

    private static func produce(
        to topic: Topic, ledger: Ledger, producer: Int, batches: Int
    ) throws {
        var generator = Generator(seed: UInt64(producer))
        let clock = SystemClock()
        for _ in 0..<batches {
            let partition = generator.int(0..<topic.partitions.count)
            let batch = Batches.random(&generator, timestamp: clock.wallMilliseconds())
            let log = topic.partitions[partition]
            let result = try log.append(batch, now: clock.wallMilliseconds())
            let stamped = Batches.stamped(batch, at: result.baseOffset)
            ledger.outstanding.withLock { $0 += 1 }
            log.whenDurable(result) { error in
                if let error {
                    ledger.failures.withLock { $0.append(error) }
                } else {
                    ledger.acknowledged.withLock {
                        $0[partition, default: [:]][result.baseOffset] = stamped
                    }
                }
                ledger.outstanding.withLock { $0 -= 1 }
                ledger.outstanding.signal()
            }
        }
    }

    @Test func producersOnManyThreadsReadBackWhatWasAcknowledged() throws {
        try Self.withDirectory { path in
            let disk = PosixDisk()
            var directory = try Self.open(path, disk)
            let topic = try directory.createTopic(
                "events", partitions: 6,
                overrides: ["segment.bytes": "40000", "index.interval.bytes": "1000"],
                now: SystemClock().wallMilliseconds())
            let ledger = Ledger()
            let errors = Lock<[String]>([])
            let threads = (0..<4).map { producer in
                NamedThread("producer-\(producer)") {
                    do {
                        try Self.produce(
                            to: topic, ledger: ledger, producer: producer, batches: 400)
                    } catch {
                        errors.withLock { $0.append("\(error)") }
                    }
                }
            }
            // A reader beside them sees only whole, durable batches, in order.
            let isDone = Lock(false)
            let reader = NamedThread("reader") {
                do {
                    var next = [Int64](repeating: 0, count: 6)
                    while true {
                        let wasDone = isDone.withLock { $0 }
                        for (index, log) in topic.partitions.enumerated() {
                            let result = try log.read(from: next[index], bytesMax: 5000)
                            for (header, _) in RecordBatch.batches(in: result.batches) {
                                guard header.baseOffset == next[index] else {
                                    errors.withLock { $0.append("gap at \(next[index])") }
                                    return
                                }
                                next[index] = header.nextOffset
                            }
                        }
                        if wasDone { break }
                    }
                } catch {
                    errors.withLock { $0.append("\(error)") }
                }
            }
            for thread in threads { thread.join() }
            ledger.wait()
            isDone.withLock { $0 = true }
            reader.join()
            #expect(errors.withLock { $0 } == [])
            #expect(ledger.failures.withLock { $0 } == [])
            func check() throws {
                for (index, log) in directory.topic("events")!.partitions.enumerated() {
                    let expected = ledger.acknowledged.withLock { $0[index] ?? [:] }
                    var found: [Int64: ByteSlice] = [:]
                    for (header, bytes) in try log.everything(bytesMax: 100_000) {
                        found[header.baseOffset] = bytes
                    }
                    #expect(found == expected)
                }
            }
            try check()
            try directory.close(now: SystemClock().wallMilliseconds())
            directory = try Self.open(path, disk)
            #expect(directory.recovery.partitions.allSatisfy { $0.wasClean })
            try check()
            try directory.close(now: SystemClock().wallMilliseconds())
        }
    }

    /// A hundred appends that wait together take a few syncs, not a hundred.
    @Test func appendsThatWaitTogetherShareASync() throws {
        let disk = SimulatedDisk(seed: 1)
        let directory = try Self.open("/data", disk)
        let topic = try directory.createTopic("events", partitions: 1, now: 0)
        let log = topic.partitions[0]
        let count = Lock(0)
        let syncs = disk.count(of: .sync)
        // The first commit is held up inside its acknowledgement, while more gather. Its waiter is
        // there before the append, or the commit could be over before anybody waits.
        let gate = Lock(false)
        let isHeld = Lock(false)
        log.whenDurable(1) { _ in
            isHeld.withLock { $0 = true }
            isHeld.signal()
            _ = gate.wait(timeoutMilliseconds: 10_000) { $0 ? true : nil }
        }
        _ = try log.append(Batches.batch([[0]], timestamp: 0), now: 0)
        #expect(isHeld.wait(timeoutMilliseconds: 10_000) { $0 ? true : nil } == true)
        for _ in 0..<100 {
            let result = try log.append(Batches.batch([[1]], timestamp: 0), now: 0)
            log.whenDurable(result) { error in
                #expect(error == nil)
                count.withLock { $0 += 1 }
                count.signal()
            }
        }
        gate.withLock { $0 = true }
        gate.signal()
        #expect(count.wait(timeoutMilliseconds: 10_000) { $0 == 100 ? true : nil } == true)
        #expect(disk.count(of: .sync) - syncs <= 4)
        directory.commitNow()
        #expect(log.durableEnd == 101)
        try directory.close(now: 0)
    }

    @Test func closingMakesEverythingDurableAndEndsTheThreads() throws {
        let disk = SimulatedDisk(seed: 2)
        let directory = try Self.open("/data", disk)
        let log = try directory.createTopic("events", partitions: 1, now: 0).partitions[0]
        for _ in 0..<20 { _ = try log.append(Batches.batch([[1]], timestamp: 0), now: 0) }
        try directory.close(now: 0)
        #expect(throws: LogError.closed) {
            try log.append(Batches.batch([[1]], timestamp: 0), now: 0)
        }
        disk.powerCut(keep: 0)
        let again = try Self.open("/data", disk)
        #expect(again.topic("events")?.partitions[0].durableEnd == 20)
        #expect(again.recovery.partitions[0].wasClean)
        try again.close(now: 0)
    }
}
