import Testing
import VarveLog
import VarvePlatform
import VarveProof
import VarveRecords
import VarveSimulation

/// Ways in which the journal once lost, or brought back, what it should not have (I1, I3, I6).
@Suite struct JournalHazardTests {
    typealias World = JournalTests.World
    static let now = JournalTests.now
    static let count = JournalTests.count

    static func open(
        _ disk: SimulatedDisk, _ options: DataDirectoryOptions
    ) throws -> DataDirectory {
        try DataDirectory.open(
            path: "/data", disk: disk, options: options, now: now, logger: nil)
    }

    static func append(_ value: [UInt8], to log: PartitionLog) throws {
        _ = try log.append(Batches.batch([value]), now: now)
    }

    /// A record that holds, at every alignment, what looks like a journal entry: `batch`, for
    /// a place in partition 0.
    static func forgery(_ topicID: UniqueID, position: Int, _ batch: ByteSlice) -> [UInt8] {
        var fields = ByteWriter()
        fields.int64(2)  // round: the one that comes
        fields.int64(1)  // key
        fields.uint32(1)  // group
        fields.uint32(6)
        fields.uint32(UInt32(batch.count))
        fields.int32(0)  // partition
        fields.uniqueID(topicID)
        fields.int64(0)  // base of the segment
        fields.int64(Int64(position))
        fields.int64(3)  // next offset
        fields.utf8("events")
        fields.bytes(batch)
        var entry = ByteWriter()
        entry.utf8("VJE1")
        entry.uint32(fields.withUnsafeBytes { CRC32C.checksum($0) })
        fields.withUnsafeBytes { entry.bytes($0) }
        if entry.count % 2 == 0 { entry.uint8(0) }
        let bytes = entry.withUnsafeBytes { Array($0) }
        return Array((0..<24).flatMap { _ in bytes })
    }

    @Test func recordsThatLookLikeEntriesCountAsNone() throws {
        let world = try World(seed: 1)
        for log in world.partitions.dropLast() { try world.append("second", to: log) }
        let path = "/data/topics/events/0/00000000000000000000.log"
        let bytes = try #require(world.disk.contents(path))
        let end = LogFixture.batchEnd(bytes)
        let forged = Batches.stamped(Batches.batch([Array("forged".utf8)]), at: 2)
        try Self.append(
            Self.forgery(world.directory.topic("events")!.id, position: end, forged),
            to: world.partitions[7])
        world.directory.commitNow()
        // Everybody's segment is synced; the journal is written from its start again.
        world.directory.tick(now: Self.now + 60_000)
        world.directory.commitNow()
        try world.appendToAll("third")
        #expect(world.acknowledged.withLock { $0.count } == Self.count)
        world.disk.powerCut(keep: 0)
        try world.reopen()
        #expect(world.ends == .init(repeating: 3, count: Self.count))
        #expect(try world.values(0) == ["first 0", "second 0", "third 0"])
    }

    /// The journal has a batch of each partition; then the first four are synced together, and that
    /// fails. The others have not heard of it.
    static func worldAfterAFailedWriteBack(_ seed: UInt64) throws -> World {
        let world = try World(seed: seed)
        // Journaled, unsynced, some sectors each.
        for log in world.partitions {
            try Self.append([UInt8](repeating: 7, count: 3000), to: log)
        }
        world.directory.commitNow()
        #expect(world.ends == .init(repeating: 2, count: Self.count))
        // Four others are synced together, and that fails.
        for log in world.partitions.prefix(4) {
            try Self.append([UInt8](repeating: 8, count: 20_000), to: log)
        }
        world.disk.fail(
            .init(operation: world.disk.operationCount, errno: SystemError.eio),
            only: [.sync])
        world.directory.commitNow()
        #expect(world.disk.faultsMet == 1)
        world.disk.fail(nil)
        return world
    }

    @Test func aWriteBackThatFailsForOthersIsHeard() throws {
        var lost = 0
        for seed in 0..<20 as Range<UInt64> {
            let world = try Self.worldAfterAFailedWriteBack(seed)
            #expect(world.partitions[4...].allSatisfy { $0.isOnline })
            // The marks come.
            world.directory.tick(now: Self.now + 60_000)
            world.directory.commitNow()
            let well = world.partitions[4...].filter(\.isOnline).map { Int($0.partition) }
            world.disk.powerCut(keep: 0)
            try world.reopen()
            for partition in well {
                let found = world.partitions[partition].readableBatches().found.count
                if found != 2 { lost += 1 }
            }
        }
        #expect(lost == 0, "partitions that lost what was acknowledged")
    }

    @Test func aHealedSegmentThatTheJournalHasIsSynced() throws {
        let disk = SimulatedDisk(seed: 1)
        let options = JournalTests.options()
        var directory = try Self.open(disk, options)
        let logs = try directory.createTopic(
            "events", partitions: 8, overrides: ["segment.bytes": "4096"], now: Self.now
        ).partitions
        for log in logs { try Self.append([UInt8](repeating: 1, count: 1500), to: log) }
        directory.commitNow()
        for log in logs { try Self.append([UInt8](repeating: 2, count: 1000), to: log) }
        directory.commitNow()
        #expect(logs.allSatisfy { $0.durableEnd == 2 })
        #expect(disk.allFiles.contains("/data/journal/0"))
        // The disk gives a wrong bit once.
        let path = "/data/topics/events/0/00000000000000000000.log"
        #expect(disk.damage(path, at: 300))
        #expect(throws: LogError.self) { try logs[0].read(from: 0, bytesMax: 100) }
        #expect(directory.needsHealing)
        #expect(disk.damage(path, at: 300))
        // The next batch goes to a new segment, and is on its way.
        try Self.append([UInt8](repeating: 3, count: 2000), to: logs[0])
        let reports = directory.heal(now: Self.now)
        #expect(reports.allSatisfy { $0.failure == nil && $0.damages.isEmpty })
        directory.commitNow()
        #expect(logs[0].durableEnd == 3)
        disk.powerCut(keep: 0)
        directory = try Self.open(disk, options)
        let log = directory.topic("events")!.partitions[0]
        #expect(directory.recovery.damages.isEmpty, "\(directory.recovery.damages)")
        #expect(log.readableBatches().found.keys.sorted() == [0, 1, 2])
    }

    /// A partition that was reopened while it waited for a commit waits twice: two threads commit
    /// it at a time. What the one has just put into the journal the other releases.
    @Test func aReopenedPartitionIsCommittedOnceAtATime() throws {
        let world = try World(seed: 4)
        let log = world.partitions[0]
        // It waits for its commit; a write fails; it is reopened.
        try world.append("second", to: log)
        world.disk.fail(
            .init(operation: world.disk.operationCount, errno: SystemError.eio), only: [.write])
        #expect(throws: LogError.self) { try world.append("failed", to: log) }
        world.disk.fail(nil)
        #expect(!log.isOnline)
        let report = try log.reopen(now: Self.now)
        #expect(report.failure == nil)
        let begin = log.durableEnd
        // While one thread syncs it, all append, and a second one takes what waits to the journal:
        // that ends between the first one's acknowledgement and its look at what is left to do.
        let (disk, directory) = (world.disk, world.directory)
        let step = Lock(0)
        @Sendable func advance(from: Int, to: Int) -> Bool {
            let isDue = step.withLock { step in
                guard step == from else { return false }
                step = to
                return true
            }
            step.signal()
            return isDue
        }
        @Sendable func wait(for wanted: Int) { _ = step.wait { $0 >= wanted ? true : nil } }
        let second = Lock<NamedThread?>(nil)
        _ = try log.append(Batches.batch([Array("third".utf8)]), now: Self.now)
        log.whenDurable(begin + 1) { _ in
            guard advance(from: 2, to: 3) else { return }
            wait(for: 4)
            #expect(log.durableEnd == begin + 1, "the second one committed it as well")
        }
        disk.beginLog()
        disk.setObserver {
            let last = disk.operationLog.last ?? ""
            if last.contains("fdatasync /data/topics/events/0/0000"), advance(from: 0, to: 1) {
                do {
                    for log in directory.topic("events")!.partitions {
                        _ = try log.append(Batches.batch([Array("new".utf8)]), now: Self.now)
                    }
                } catch {
                    Issue.record(error)
                }
                let thread = NamedThread("second") {
                    directory.commitNow()
                    _ = advance(from: 3, to: 4)
                }
                second.withLock { $0 = thread }
                wait(for: 2)
            } else if last.contains("fdatasync /data/journal/0"), advance(from: 1, to: 2) {
                wait(for: 3)
            }
        }
        directory.commitNow()
        disk.setObserver(nil)
        second.withLock { $0 }?.join()
        #expect(step.withLock { $0 } == 4)
        directory.commitNow()
        #expect(log.durableEnd == begin + 2)
        // The others' segments are synced: the journal is written from the start again.
        for other in world.partitions.dropFirst() {
            try Self.append([UInt8](repeating: 8, count: 20_000), to: other)
            world.directory.commitNow()
        }
        for other in world.partitions.dropFirst() {
            try Self.append([UInt8](repeating: 8, count: 3000), to: other)
        }
        world.directory.commitNow()
        world.disk.powerCut(keep: 0)
        try world.reopen()
        #expect(world.partitions[0].durableEnd == begin + 2)
    }

    /// Partitions that were to go to a journal that was full, and never went again, hold it.
    @Test func partitionsThatTheJournalHasNothingOfLetItGo() throws {
        let world = try World(seed: 8, bytes: 6000)
        for file in 0..<2 {
            // All eight, whose segments are synced; then the journal is on a full disk.
            if file == 0 { try world.appendToAll("second") }
            world.directory.tick(now: Self.now + 60_000 * Int64(file + 1))
            world.directory.commitNow()
            for log in world.partitions { try world.append("third", to: log) }
            world.disk.fail(
                .init(
                    operation: world.disk.operationCount, errno: SystemError.enospc,
                    isLasting: true), only: [.write])
            world.directory.commitNow()
            #expect(world.disk.faultsMet > file)
            world.disk.fail(nil)
            // From now on four of them.
            for _ in 0..<600 {
                for log in world.partitions[4...] { try world.append("more", to: log) }
                world.directory.commitNow()
            }
        }
        let before = world.disk.count(of: .sync)
        for _ in 0..<100 {
            for log in world.partitions[4...] { try world.append("more", to: log) }
            world.directory.commitNow()
        }
        let syncs = world.disk.count(of: .sync) - before
        #expect(syncs < 170, "\(syncs) syncs for 100 commits")
    }

    /// A trim into what the journal alone has, a new segment's name, and the power goes.
    @Test func aTrimIntoWhatTheJournalHasIsNoDamage() throws {
        let disk = SimulatedDisk(seed: 12)
        let options = JournalTests.options()
        var directory = try Self.open(disk, options)
        let logs = try directory.createTopic(
            "events", partitions: 8, overrides: ["segment.bytes": "4096"], now: Self.now
        ).partitions
        for value in 1...3 as ClosedRange<UInt8> {
            for log in logs { try Self.append([UInt8](repeating: value, count: 700), to: log) }
            directory.commitNow()
        }
        #expect(logs.allSatisfy { $0.durableEnd == 3 })
        #expect(try logs[0].trim(to: 2, now: Self.now) == 2)
        try Self.append([UInt8](repeating: 4, count: 3000), to: logs[0])
        disk.powerCut(keepsData: false, keepsSizes: false)
        directory = try Self.open(disk, options)
        #expect(directory.recovery.damages.isEmpty, "\(directory.recovery.damages)")
        let log = directory.topic("events")!.partitions[0]
        #expect(log.readableBatches().found.keys.sorted() == [2])
    }

    /// Compaction of segments whose mark could not be written, then a repair.
    @Test func whatWasCompactedBehindASealDoesNotComeBack() throws {
        let disk = SimulatedDisk(seed: 13)
        var options = JournalTests.options()
        var directory = try Self.open(disk, options)
        let logs = try directory.createTopic(
            "events", partitions: 8,
            overrides: [
                "segment.bytes": "1024", "cleanup.policy": "compact",
                "delete.retention.ms": "0", "min.cleanable.dirty.ratio": "0",
            ], now: Self.now
        ).partitions
        func put(_ key: String, _ value: UInt8, _ count: Int, _ log: PartitionLog) throws {
            _ = try log.append(
                Batches.batch([[UInt8](repeating: value, count: count)], key: key), now: Self.now)
        }
        for log in logs { try put("a", 1, 100, log) }
        directory.commitNow()
        for log in logs { try put("b", 2, 300, log) }
        directory.commitNow()
        for log in logs { try put("a", 3, 300, log) }
        directory.commitNow()
        #expect(logs.allSatisfy { $0.durableEnd == 3 })
        // The next segment; its mark cannot be written.
        try put("a", 4, 400, logs[0])
        disk.beginLog()
        for count in [400, 700] {
            if count == 700 { try put("c", 5, count, logs[0]) }
            disk.setObserver {
                guard disk.operationLog.last?.contains("fsync /data/topics/events/0") == true
                else { return }
                // The very next open is the mark's.
                disk.fail(
                    .init(operation: disk.operationCount, errno: SystemError.emfile),
                    only: [.open])
            }
            directory.commitNow()
            disk.setObserver(nil)
            disk.fail(nil)
            #expect(logs[0].isOnline)
            #expect(!disk.allFiles.contains("/data/topics/events/0/durable"))
        }
        let result = try logs[0].compact(now: Self.now + 1_000_000, memoryMax: 1 << 20)
        #expect(result.recordsRemoved > 0, "\(result) \(disk.operationLog)")
        let before = logs[0].readableBatches().found.keys.sorted()
        disk.powerCut(keep: 100)
        options.readsEverything = true
        directory = try Self.open(disk, options)
        #expect(directory.recovery.damages.isEmpty, "\(directory.recovery.damages)")
        let log = directory.topic("events")!.partitions[0]
        #expect(log.readableBatches().found.keys.sorted() == before)
    }

    /// What a failed write-back took from a closed segment the journal still has: healing it must
    /// not set that aside.
    @Test func healingSetsNothingAsideThatTheJournalHas() throws {
        var lost = 0
        for seed in 0..<30 as Range<UInt64> {
            let world = try Self.worldAfterAFailedWriteBack(seed)
            try world.directory.setConfiguration(
                "events", overrides: ["segment.bytes": "4096"])
            for log in world.partitions[4...] {
                #expect(log.isOnline && log.durableEnd == 2)
                // In a new segment, on its way.
                try Self.append([UInt8](repeating: 9, count: 3000), to: log)
                _ = try? log.verify(now: Self.now)
                if !log.isOnline { _ = try log.reopen(now: Self.now) }
                if log.readableBatches().found[1] == nil { lost += 1 }
            }
        }
        #expect(lost == 0)
    }

    @Test func verificationAfterATrimIsClean() throws {
        let world = try World(seed: 15)
        try world.appendToAll("second")
        #expect(try world.partitions[0].trim(to: -1, now: Self.now) == 2)
        world.disk.powerCut(keep: 0)
        var verification = Verification(path: "/data", disk: world.disk, options: .init())
        let found = try verification.run().findings
        #expect(found.isEmpty)
        try world.reopen()
        #expect(world.directory.recovery.damages.isEmpty)
        #expect(world.ends == .init(repeating: 2, count: Self.count))
    }

    @Test func aWrongOffsetDoesNotHideWhatTheJournalHas() throws {
        let world = try World(seed: 5)
        let path = "/data/topics/events/0/00000000000000000000.log"
        let first = LogFixture.batchEnd(world.disk.contents(path)!)
        try world.appendToAll("second")
        let second = LogFixture.batchEnd(world.disk.contents(path)!)
        try world.appendToAll("third")
        let written = world.disk.contents(path)!
        world.disk.powerCut(keep: 0)
        var left = Array(written[..<second])
        left[first + 5] ^= 1
        world.disk.setContents(path, left)
        try world.reopen()
        #expect(try world.values(0) == ["first 0", "second 0", "third 0"])
        #expect(world.ends[0] == 3)
    }

    /// A power cut while the first group of a new round is written is no damage.
    @Test func aPowerCutAtTheBeginningOfARoundIsNoDamage() throws {
        var alarms: [String] = []
        for seed in 0..<40 as Range<UInt64> {
            let world = try World(seed: seed)
            for value in [2, 3] as [UInt8] {
                for log in world.partitions {
                    try Self.append([UInt8](repeating: value, count: 700), to: log)
                }
                world.directory.commitNow()
            }
            world.directory.tick(now: Self.now + 60_000)
            world.directory.commitNow()
            for log in world.partitions {
                try Self.append([UInt8](repeating: 4, count: 700), to: log)
            }
            // The batches are read, the journal is written, and its sync does not come.
            world.disk.die(at: world.disk.operationCount + Self.count + 1)
            world.directory.commitNow()
            #expect(world.disk.isDead)
            world.disk.powerCut(keep: 30)
            try world.reopen()
            alarms += world.directory.recovery.notes.filter { $0.contains("was damaged") }
        }
        #expect(alarms.isEmpty)
    }

    @Test func aJournalThatCannotBeReadIsNotTheEnd() throws {
        let world = try World(seed: 9)
        try world.appendToAll("second")
        world.disk.powerCut(keep: 0)
        let index = try #require(
            world.operationsOfOpening().firstIndex { $0.contains("pread /data/journal/0") })
        world.disk.fail(
            .init(operation: world.disk.operationCount + index, errno: SystemError.eio))
        #expect(throws: Never.self) { try world.reopen() }
    }

    /// A partition that is offline at a clean stop, and what it had written comes back.
    @Test func aStopWithAPartitionOfflineIsNotClean() throws {
        let world = try World(seed: 10)
        try world.directory.close(now: Self.now)
        world.disk.kill()
        try world.reopen()
        let log = world.partitions[0]
        try world.append("second", to: log)
        world.disk.fail(
            .init(operation: world.disk.operationCount, errno: SystemError.eio), only: [.write])
        #expect(throws: LogError.self) { try world.append("failed", to: log) }
        world.disk.fail(nil)
        #expect(!log.isOnline)
        try? world.directory.close(now: Self.now)
        #expect(!world.disk.allFiles.contains("/data/clean-stop"))
        world.disk.powerCut(keepsData: true, keepsSizes: false)
        try world.reopen()
        #expect(world.ends == .init(repeating: 1, count: Self.count))
        world.acknowledged.withLock { $0 = [] }
        try world.appendToAll("third")
        #expect(world.acknowledged.withLock { $0.count } == Self.count)
        world.disk.powerCut(keepsData: false, keepsSizes: true)
        try world.reopen()
        #expect(try world.values(0) == ["first 0", "third 0"])
    }

    /// A partition is opened again while others write the journal anew where its batch stood.
    @Test func whatIsWrittenOverDoesNotComeFromTheJournal() throws {
        let world = try World(seed: 16)
        let path = "/data/topics/events/0/00000000000000000000.log"
        let second = LogFixture.batchEnd(world.disk.contents(path)!)
        try world.appendToAll("second")
        // Each on its own: nobody holds the journal any more.
        for log in world.partitions {
            try Self.append([UInt8](repeating: 3, count: 20_000), to: log)
            world.directory.commitNow()
        }
        #expect(world.disk.damage(path, at: second + 65))
        let (disk, directory) = (world.disk, world.directory)
        let others = world.partitions.dropFirst()
        let isDone = disk.once(behind: "fdatasync \(path)") {
            for log in others { try Self.append(Array("second 9".utf8), to: log) }
            directory.commitNow()
        }
        _ = try world.partitions[0].reopen(now: Self.now)
        disk.setObserver(nil)
        #expect(isDone.withLock { $0 })
        #expect(disk.operationLog.contains { $0.contains("fdatasync /data/journal/0") })
        #expect(world.partitions[0].readableBatches().found.keys.sorted() == [0, 2])
    }
}
