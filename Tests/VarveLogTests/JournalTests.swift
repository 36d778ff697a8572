import Testing
import VarveLog
import VarvePlatform
import VarveProof
import VarveRecords
import VarveSimulation

/// Partitions that have a little to sync share a journal (I1), and nothing of it comes back that
/// has no place any more (I3).
@Suite struct JournalTests {
    static let now: Int64 = 1_767_225_600_000
    static let count = 8

    static func options(bytes: Int64 = 1 << 16) -> DataDirectoryOptions {
        var options = DataDirectoryOptions(commit: .manual)
        options.syncedTogetherMin = 4
        options.journalBytes = bytes
        return options
    }

    /// Eight partitions with a batch each, durable in their segments.
    final class World {
        let disk: SimulatedDisk
        let options: DataDirectoryOptions
        var directory: DataDirectory
        let acknowledged = Lock<Set<Int32>>([])

        var partitions: [PartitionLog] { directory.topic("events")!.partitions }
        var ends: [Int64] { partitions.map(\.durableEnd) }

        init(seed: UInt64 = 1, bytes: Int64 = 1 << 16) throws {
            options = JournalTests.options(bytes: bytes)
            disk = SimulatedDisk(seed: seed)
            directory = try DataDirectory.open(
                path: "/data", disk: disk, options: options, now: now, logger: nil)
            try directory.createTopic("events", partitions: count, now: now)
            try appendToAll("first")
        }

        func append(_ text: String, to log: PartitionLog) throws {
            let batch = Batches.batch([Array("\(text) \(log.partition)".utf8)])
            let result = try log.append(batch, now: now)
            log.whenDurable(result) { [acknowledged] error in
                if error == nil { acknowledged.withLock { _ = $0.insert(log.partition) } }
            }
        }

        func appendToAll(_ text: String) throws {
            for log in partitions { try append(text, to: log) }
            directory.commitNow()
        }

        func reopen() throws {
            directory = try DataDirectory.open(
                path: "/data", disk: disk, options: options, now: now, logger: nil)
        }

        /// What opening the directory as it is now does to the disk, one after the other.
        func operationsOfOpening() throws -> [String] {
            let rehearsal = disk.fork()
            rehearsal.beginLog()
            _ = try DataDirectory.open(
                path: "/data", disk: rehearsal, options: options, now: now, logger: nil)
            return rehearsal.operationLog
        }

        func values(_ partition: Int) throws -> [String] {
            try partitions[partition].everything().flatMap { try RecordBatch.records(in: $0.bytes) }
                .map { $0.value!.string }
        }

        var journalFiles: [String] { disk.allFiles.filter { $0.hasPrefix("/data/journal/") } }
    }

    @Test func manyPartitionsTakeOneSync() throws {
        let world = try World()
        try world.appendToAll("second")
        let before = world.disk.count(of: .sync)
        world.disk.beginLog()
        try world.appendToAll("third")
        #expect(world.disk.count(of: .sync) == before + 1)
        #expect(world.acknowledged.withLock { $0.count } == Self.count)
        #expect(world.disk.operationLog.filter { $0.contains("sync") } == [
            world.disk.operationLog.last { $0.contains("fdatasync /data/journal/0") }!
        ])
        // Nothing of the segments is on the disk, and all of it comes back.
        world.disk.powerCut(keep: 0)
        try world.reopen()
        #expect(world.directory.recovery.damages.isEmpty)
        #expect(world.ends == .init(repeating: 3, count: Self.count))
        for partition in 0..<Self.count {
            #expect(
                try world.values(partition)
                    == ["first", "second", "third"].map { "\($0) \(partition)" })
            #expect(
                world.directory.recovery.partitions[partition].notes.contains {
                    $0.contains("came from the journal")
                })
        }
        #expect(world.journalFiles.isEmpty, "taken away once it is in the segments")
        world.disk.powerCut(keep: 0)
        try world.reopen()
        #expect(world.ends == .init(repeating: 3, count: Self.count))
    }

    /// The first sync of a new segment is its own: its name must be durable.
    @Test func newSegmentsAndLoneOnesAreSyncedThemselves() throws {
        let disk = SimulatedDisk(seed: 1)
        let directory = try DataDirectory.open(
            path: "/data", disk: disk, options: Self.options(), now: Self.now, logger: nil)
        let topic = try directory.createTopic("events", partitions: 8, now: Self.now)
        let batch = Batches.batch([[1, 2, 3]])
        for log in topic.partitions { _ = try log.append(batch, now: Self.now) }
        directory.commitNow()
        #expect(!disk.allFiles.contains { $0.hasPrefix("/data/journal/") })
        for log in topic.partitions.prefix(3) { _ = try log.append(batch, now: Self.now) }
        directory.commitNow()
        #expect(!disk.allFiles.contains { $0.hasPrefix("/data/journal/") })
        // And what is large.
        let large = Batches.batch([[UInt8](repeating: 7, count: 20_000)])
        for log in topic.partitions { _ = try log.append(large, now: Self.now) }
        directory.commitNow()
        #expect(!disk.allFiles.contains { $0.hasPrefix("/data/journal/") })
        disk.powerCut(keep: 0)
        let after = try DataDirectory.open(
            path: "/data", disk: disk, options: Self.options(), now: Self.now, logger: nil)
        #expect(
            after.topic("events")!.partitions.map(\.durableEnd)
                == (0..<8).map { $0 < 3 ? 3 : 2 })
    }

    @Test func whatIsAcknowledgedSurvivesAPowerCutAtAnyStep() throws {
        var step = 0
        var wasWhole = false
        while !wasWhole {
            for keep in [0, 50, 100] {
                let world = try World(seed: UInt64(step * 3 + keep))
                try world.appendToAll("second")
                world.acknowledged.withLock { $0 = [] }
                world.disk.die(at: world.disk.operationCount + step)
                do {
                    try world.appendToAll("third")
                } catch {
                    #expect(world.disk.isDead)
                }
                wasWhole = !world.disk.isDead
                world.disk.powerCut(keep: keep)
                try world.reopen()
                #expect(
                    world.directory.recovery.damages.allSatisfy { $0.kind != .corruption },
                    "step \(step) keep \(keep)")
                for partition in 0..<Self.count {
                    let values = try world.values(partition)
                    #expect(values.prefix(2) == ["first \(partition)", "second \(partition)"])
                    #expect(values.count <= 3)
                    if world.acknowledged.withLock({ $0.contains(Int32(partition)) }) {
                        #expect(values.last == "third \(partition)", "step \(step) keep \(keep)")
                    }
                }
            }
            step += 1
        }
        #expect(step > 10)
    }

    /// A start that a power cut ends, after each of its operations, leaves what the next one needs
    /// (I5).
    @Test func aStartThatIsCutShortLosesNothing() throws {
        let world = try World(seed: 5)
        try world.appendToAll("second")
        world.disk.powerCut(keep: 0)
        var step = 0
        var wasWhole = false
        while !wasWhole {
            for keep in [0, 50, 100] {
                let copy = world.disk.fork()
                copy.die(at: copy.operationCount + step)
                _ = try? DataDirectory.open(
                    path: "/data", disk: copy, options: Self.options(), now: Self.now, logger: nil)
                wasWhole = !copy.isDead
                copy.powerCut(keep: keep)
                let after = try DataDirectory.open(
                    path: "/data", disk: copy, options: Self.options(), now: Self.now, logger: nil)
                #expect(
                    after.topic("events")!.partitions.map(\.durableEnd)
                        == .init(repeating: 2, count: Self.count), "step \(step) keep \(keep)")
                #expect(after.recovery.damages.isEmpty, "step \(step) keep \(keep)")
            }
            step += 1
        }
        #expect(step > 50)
    }

    /// Two files take turns: when one is full, the segments of its holders are synced, and it is
    /// written from the start again.
    @Test func theFilesTakeTurnsAndDoNotGrow() throws {
        let world = try World(seed: 2, bytes: 4000)
        for round in 0..<100 {
            for log in world.partitions { try world.append("round \(round)", to: log) }
            world.directory.commitNow()
        }
        #expect(world.journalFiles.count == 2)
        for path in world.journalFiles {
            #expect(world.disk.contents(path)!.count <= 4000)
        }
        #expect(world.ends == .init(repeating: 101, count: Self.count))
        world.disk.powerCut(keep: 0)
        try world.reopen()
        #expect(world.directory.recovery.damages.isEmpty)
        #expect(world.ends == .init(repeating: 101, count: Self.count))
    }

    @Test func aCleanStopLeavesNoJournal() throws {
        let world = try World()
        try world.appendToAll("second")
        #expect(!world.journalFiles.isEmpty)
        try world.directory.close(now: Self.now)
        #expect(world.journalFiles.isEmpty)
        world.disk.powerCut(keep: 0)
        try world.reopen()
        #expect(world.directory.recovery.partitions.allSatisfy { $0.wasClean })
        #expect(world.ends == .init(repeating: 2, count: Self.count))
    }

    /// A mark vouches for what the segment has: the commit that brings it syncs the segment.
    @Test func aMarkNeverSpeaksOfWhatOnlyTheJournalHas() throws {
        let world = try World()
        try world.appendToAll("second")
        world.directory.tick(now: Self.now + 60_000)
        world.directory.commitNow()
        world.disk.powerCut(keep: 0)
        for path in world.journalFiles { world.disk.erase(path) }
        try world.reopen()
        #expect(world.directory.recovery.damages.isEmpty)
        #expect(world.ends == .init(repeating: 2, count: Self.count))
    }

    /// Where the journal fails, the segments are synced instead, in the same commit.
    @Test(arguments: [SystemError.eio, SystemError.enospc], [SimulatedDisk.Kind.write, .sync])
    func aJournalThatFailsCostsNothing(errno: Int32, kind: SimulatedDisk.Kind) throws {
        for seed in 0..<10 as Range<UInt64> {
            let world = try World(seed: seed)
            try world.appendToAll("second")
            world.acknowledged.withLock { $0 = [] }
            for log in world.partitions { try world.append("third", to: log) }
            // The batches are read, then written to the journal, and that is synced.
            let operation = world.disk.operationCount + Self.count + (kind == .write ? 0 : 1)
            world.disk.fail(.init(operation: operation, errno: errno), only: [kind])
            world.directory.commitNow()
            #expect(world.disk.faultsMet == 1)
            world.disk.fail(nil)
            #expect(world.acknowledged.withLock { $0.count } == Self.count)
            #expect(world.partitions.allSatisfy { $0.isOnline })
            try world.appendToAll("fourth")
            world.disk.powerCut(keep: 0)
            try world.reopen()
            #expect(world.directory.recovery.damages.isEmpty)
            #expect(world.ends == .init(repeating: 4, count: Self.count))
        }
    }

    /// The segments' own syncs fail when a mark asks for them: what was acknowledged is in the
    /// journal, and comes from there when the partition is opened again.
    @Test func segmentsThatCannotBeSyncedComeFromTheJournal() throws {
        var restored = 0
        for seed in 0..<20 as Range<UInt64> {
            let world = try World(seed: seed)
            try world.appendToAll("second")
            world.directory.tick(now: Self.now + 60_000)
            world.disk.fail(
                .init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.sync])
            world.directory.commitNow()
            world.disk.fail(nil)
            for log in world.partitions {
                #expect(!log.isOnline)
                let report = try log.reopen(now: Self.now)
                #expect(report.damages.allSatisfy { $0.kind != .corruption })
                restored += report.notes.filter { $0.contains("came from the journal") }.count
            }
            #expect(world.ends == .init(repeating: 2, count: Self.count), "seed \(seed)")
            for log in world.partitions { try world.append("third", to: log) }
            world.directory.commitNow()
            world.disk.powerCut(keep: 0)
            try world.reopen()
            for partition in 0..<Self.count {
                #expect(
                    try world.values(partition)
                        == ["first", "second", "third"].map { "\($0) \(partition)" },
                    "seed \(seed)")
            }
        }
        #expect(restored > 20, "\(restored) of 160")
    }

    /// A partition that cannot be recovered keeps what the journal has of it, until it can.
    @Test func aPartitionThatDoesNotComeUpKeepsItsJournal() throws {
        let world = try World(seed: 3)
        try world.appendToAll("second")
        world.disk.powerCut(keep: 0)
        let before = world.disk.operationCount
        let opening = try #require(
            world.operationsOfOpening().firstIndex {
                $0.contains("open /data/topics/events/2/00000000000000000000.log")
            })
        world.disk.fail(.init(operation: before + opening, errno: SystemError.eio))
        try world.reopen()
        #expect(!world.partitions[2].isOnline)
        #expect(!world.journalFiles.isEmpty)
        world.disk.fail(nil)
        // The first commit syncs segments, for their marks; the journal has the second.
        for text in ["third", "fourth"] {
            for log in world.partitions where log.isOnline { try world.append(text, to: log) }
            world.directory.commitNow()
        }
        #expect(world.journalFiles.count == 2)
        world.disk.powerCut(keep: 0)
        try world.reopen()
        #expect(world.ends == (0..<8).map { $0 == 2 ? 2 : 4 })
        #expect(try world.values(2) == ["first 2", "second 2"])
    }

    /// Any sync of a start may fail: what the journal has is in its segment, durable, before the
    /// journal goes (I6).
    @Test func aSyncOfAStartThatFailsLosesNothing() throws {
        let world = try World(seed: 9)
        try world.appendToAll("second")
        world.disk.powerCut(keep: 0)
        let operations = try world.operationsOfOpening()
        for index in operations.indices where operations[index].contains("fdatasync") {
            let copy = world.disk.fork()
            let operation = copy.operationCount + index
            copy.fail(.init(operation: operation, errno: SystemError.eio), only: [.sync])
            _ = try? DataDirectory.open(
                path: "/data", disk: copy, options: Self.options(), now: Self.now, logger: nil)
            #expect(copy.faultsMet == 1)
            copy.fail(nil)
            copy.powerCut(keep: 0)
            let after = try DataDirectory.open(
                path: "/data", disk: copy, options: Self.options(), now: Self.now, logger: nil)
            #expect(
                after.topic("events")!.partitions.map(\.durableEnd)
                    == .init(repeating: 2, count: Self.count), "\(operations[index])")
        }
        #expect(operations.filter { $0.contains("fdatasync") }.count > 2 * Self.count)
    }

    /// What was deleted does not come back in a topic of the same name.
    @Test func aTopicMadeAnewHasNothingOfTheOldOne() throws {
        let world = try World(seed: 4)
        try world.appendToAll("second")
        try world.directory.deleteTopic("events")
        try world.directory.createTopic("events", partitions: Self.count, now: Self.now)
        try world.appendToAll("first")
        for log in world.partitions { #expect(log.durableEnd == 1) }
        world.disk.powerCut(keep: 0)
        try world.reopen()
        #expect(world.ends == .init(repeating: 1, count: Self.count))
    }

    /// Nor what a segment has no place for any more.
    @Test func whatTheLogHasDifferentlyByNowIsLeftAlone() throws {
        let world = try World(seed: 6)
        try world.appendToAll("second")
        let old = world.journalFiles.map { ($0, world.disk.contents($0)!) }
        world.disk.kill()
        try world.reopen()
        // The log goes on; then a journal of before turns up.
        try world.appendToAll("third")
        try world.directory.close(now: Self.now)
        world.disk.kill()
        for (path, bytes) in old {
            _ = try world.disk.open(path, .create)
            world.disk.setContents(path, bytes)
        }
        try world.reopen()
        #expect(world.ends == .init(repeating: 3, count: Self.count))
        for partition in 0..<Self.count {
            #expect(
                try world.values(partition)
                    == ["first", "second", "third"].map { "\($0) \(partition)" })
        }
    }

    /// What the disk has of a batch may be all that its checksum covers, and not its offset.
    @Test func aBatchThatTheSegmentHasInPartComesFromTheJournal() throws {
        let world = try World(seed: 11)
        try world.appendToAll("second")
        let path = "/data/topics/events/0/00000000000000000000.log"
        let written = try #require(world.disk.contents(path))
        func end(from start: Int) throws -> Int {
            start + (try written[start...].withUnsafeBytes {
                try RecordBatchHeader(parsing: $0).totalByteCount
            })
        }
        let start = try end(from: 0)
        let end = try end(from: start)
        for cut in start + 1..<end {
            for lacks in [start..<cut, cut..<end] {
                let disk = world.disk.fork()
                disk.powerCut(keep: 100)
                var torn = written
                for position in lacks { torn[position] = 0 }
                disk.setContents(path, torn)
                let directory = try DataDirectory.open(
                    path: "/data", disk: disk, options: world.options, now: Self.now, logger: nil)
                let log = directory.topic("events")!.partitions[0]
                #expect(log.durableEnd == 2, "bytes \(lacks) were lost")
                #expect(directory.recovery.damages.isEmpty)
            }
        }
    }

    /// Nor does it take the place of what stands there by now.
    @Test func whatTheLogHasInThePlaceOfALostBatchStays() throws {
        let world = try World(seed: 10)
        try world.appendToAll("second")
        let old = world.journalFiles.map { ($0, world.disk.contents($0)!) }
        world.disk.powerCut(keep: 0)
        for (path, _) in old { world.disk.erase(path) }
        try world.reopen()
        #expect(world.ends == .init(repeating: 1, count: Self.count))
        // What a start owes is marked; the next batch is not.
        world.directory.commitNow()
        let texts = ["first", "other", "and another"]
        for log in world.partitions {
            // One that ends inside the lost one, and one that goes beyond its offsets.
            let count = log.partition % 2 == 0 ? 2 : 3
            let values = texts[1..<count].map { Array("\($0) \(log.partition)".utf8) }
            _ = try log.append(Batches.batch(values), now: Self.now)
        }
        world.directory.commitNow()
        world.disk.kill()
        for (path, bytes) in old { world.disk.setContents(path, bytes) }
        try world.reopen()
        for partition in 0..<Self.count {
            let count = partition % 2 == 0 ? 2 : 3
            #expect(
                try world.values(partition) == texts[..<count].map { "\($0) \(partition)" })
        }
    }

    /// Damage to the journal costs what stood there, and no more; the file is kept (I5, I7).
    @Test func damageToTheJournalCostsNoMoreThanItHits() throws {
        let world = try World(seed: 7)
        try world.appendToAll("second")
        try world.appendToAll("third")
        world.disk.powerCut(keep: 0)
        let path = world.journalFiles[0]
        #expect(world.disk.damage(path, at: 100))
        var verification = Verification(path: "/data", disk: world.disk, options: .init())
        #expect(try verification.run().findings.map(\.kind) == [.journalDamaged])
        try world.reopen()
        #expect(world.directory.recovery.notes.contains { $0.contains("damaged at position 64") })
        #expect(world.disk.allFiles.contains { $0.hasPrefix("/data/quarantine/~journal-") })
        // Partition 0 has lost its second batch and keeps the third.
        #expect(try world.values(0) == ["first 0", "third 0"])
        for partition in 1..<Self.count {
            #expect(try world.values(partition).count == 3)
        }
    }

    /// A description that was lost takes its id from the journal, so that this finds its topic.
    @Test func aTopicWhoseDescriptionIsLostKeepsItsJournal() throws {
        let world = try World(seed: 8)
        try world.appendToAll("second")
        let id = world.directory.topic("events")!.id
        world.disk.powerCut(keep: 0)
        world.disk.erase("/data/topics/events/topic.json")
        try world.reopen()
        #expect(world.directory.topic("events")!.id == id)
        #expect(world.ends == .init(repeating: 2, count: Self.count))
    }

    /// The journal has batches of a topic that is deleted, and another has its name by now: that
    /// one's description is lost.
    @Test func aTopicWhoseDescriptionIsLostKeepsItsId() throws {
        let world = try World(seed: 11)
        try world.appendToAll("old")
        try world.appendToAll("older")
        try world.directory.deleteTopic("events")
        let id = try world.directory.createTopic("events", partitions: Self.count, now: Self.now).id
        try world.appendToAll("new")
        world.directory.tick(now: Self.now + 60_000)
        world.directory.commitNow()
        world.disk.powerCut(keep: 0)
        world.disk.erase("/data/topics/events/topic.json")
        try world.reopen()
        #expect(world.directory.topic("events")!.id == id)
        for partition in 0..<Self.count {
            #expect(try world.values(partition).allSatisfy { $0.hasPrefix("new") })
        }
    }
}
