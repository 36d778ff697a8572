import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveRecords

/// A verification beside a log at work, on a real file system.
@Suite struct VerificationBesideWritersTests {
    private final class Directory: Sendable {
        let path = NSTemporaryDirectory() + "varve-verify-" + UUID().uuidString
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func verify(_ path: String, isRunning: Bool) throws -> VerificationReport {
        var options = Verification.Options()
        options.isRunning = isRunning
        options.pause = { Thread.sleep(forTimeInterval: 0.02) }
        var verification = Verification(path: path, disk: PosixDisk(), options: options)
        return try verification.run()
    }

    @Test func appendsRollsRetentionAndDeletedTopicsRaiseNoAlarm() throws {
        let place = Directory()
        let clock = SystemClock()
        let directory = try DataDirectory.open(
            path: place.path, disk: PosixDisk(), options: DataDirectoryOptions(),
            now: clock.wallMilliseconds(), logger: nil)
        let overrides = [
            "segment.bytes": "6000", "retention.ms": "300", "index.interval.bytes": "300",
        ]
        let log = try directory.createTopic(
            "events", partitions: 1, overrides: overrides, now: clock.wallMilliseconds()
        ).partitions[0]
        let isDone = Lock(false)
        let failures = Lock<[String]>([])
        func work(_ name: String, _ body: @escaping @Sendable (Int) throws -> Void) -> NamedThread {
            NamedThread(name) {
                var round = 0
                while !isDone.withLock({ $0 }) {
                    do {
                        try body(round)
                    } catch {
                        failures.withLock { $0.append("\(name): \(error)") }
                        return
                    }
                    round += 1
                }
            }
        }
        let threads = [
            work("append") { round in
                let byte = UInt8(truncatingIfNeeded: round)
                let batch = Batches.batch(
                    [[UInt8](repeating: byte, count: 100 + round % 400)],
                    timestamp: clock.wallMilliseconds(), producerID: 5, epoch: 0,
                    sequence: Int32(round))
                _ = try log.append(batch, now: clock.wallMilliseconds())
                // As producers do: no more than so much that is not durable.
                while log.endOffset - log.durableEnd > 40, !isDone.withLock({ $0 }), log.isOnline {
                    Thread.sleep(forTimeInterval: 0.001)
                }
            },
            work("retention") { _ in
                directory.tick(now: clock.wallMilliseconds())
                directory.applyRetention(now: clock.wallMilliseconds())
                Thread.sleep(forTimeInterval: 0.005)
            },
            work("topics") { round in
                let topic = try directory.createTopic(
                    "short", partitions: 2, now: clock.wallMilliseconds())
                _ = try topic.partitions[0].append(
                    Batches.batch([[1, 2, 3]], timestamp: clock.wallMilliseconds()),
                    now: clock.wallMilliseconds())
                directory.commitNow()
                try directory.deleteTopic("short")
            },
        ]
        var batches: Int64 = 0
        var starts: Set<Int64> = []
        // On a busy machine the writers come to little: until they have done enough.
        let deadline = clock.wallMilliseconds() + 120_000
        var round = 0
        while round < 40
            || (batches <= 100 || starts.count <= 5) && clock.wallMilliseconds() < deadline
        {
            round += 1
            let report = try verify(place.path, isRunning: true)
            #expect(report.findings.isEmpty, "round \(round): \(report.findings)")
            #expect(report.notices.isEmpty)
            batches += report.batchCount
            starts.insert(log.startOffset)
        }
        isDone.withLock { $0 = true }
        for thread in threads { thread.join() }
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(batches > 100 && starts.count > 5, "\(batches) batches, \(starts.count) starts")
        try directory.close(now: clock.wallMilliseconds())
        let stopped = try verify(place.path, isRunning: false)
        #expect(stopped.isClean && stopped.notices.isEmpty, "\(stopped.findings)")
    }

    @Test func damageBelowTheMarkIsFoundBesideAWriter() throws {
        let place = Directory()
        let clock = SystemClock()
        let directory = try DataDirectory.open(
            path: place.path, disk: PosixDisk(), options: DataDirectoryOptions(),
            now: clock.wallMilliseconds(), logger: nil)
        let log = try directory.createTopic(
            "events", partitions: 1, overrides: ["segment.bytes": "6000"],
            now: clock.wallMilliseconds()
        ).partitions[0]
        let isDone = Lock(false)
        let writer = NamedThread("append") {
            while !isDone.withLock({ $0 }) {
                let now = clock.wallMilliseconds()
                _ = try? log.append(
                    Batches.batch([[UInt8](repeating: 1, count: 200)], timestamp: now), now: now)
                Thread.sleep(forTimeInterval: 0.001)
            }
        }
        while log.durableEnd < 100 { Thread.sleep(forTimeInterval: 0.01) }
        let path = place.path + "/topics/events/0/00000000000000000000.log"
        let file = try PosixDisk().open(path, .readWrite)
        try ByteSlice([0xAA]).withUnsafeBytes { try file.write($0, at: 400) }
        let report = try verify(place.path, isRunning: true)
        isDone.withLock { $0 = true }
        writer.join()
        #expect(report.findings.map(\.kind) == [.batchDamaged])
        #expect(report.findings.first?.path == path)
        // What this test broke, closing need not mend.
        try directory.close(now: clock.wallMilliseconds())
    }

    @Test func aHeldLockIsSeenWithoutTakingIt() throws {
        let place = Directory()
        let disk = PosixDisk()
        try disk.createDirectory(place.path)
        let path = place.path + "/varve.lock"
        #expect(try !disk.isLocked(path))
        var held = try disk.lock(path)
        #expect(held != nil)
        #expect(try disk.isLocked(path))
        held = nil
        #expect(try !disk.isLocked(path))
        #expect(try disk.lock(path) != nil, "asking took no lock")
    }
}
