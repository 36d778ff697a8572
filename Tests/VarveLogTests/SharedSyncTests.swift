import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveProof
import VarveRecords
import VarveSimulation

/// Many partitions that are made durable by one write-back of their file system.
@Suite struct SharedSyncTests {
    /// Eight partitions with a batch each, durable, and one more each that is not.
    private struct World {
        static let now: Int64 = 1_767_225_600_000
        let disk: SimulatedDisk
        let directory: DataDirectory
        let acknowledged = Lock<Set<Int32>>([])
        let failed = Lock<Set<Int32>>([])

        var partitions: [PartitionLog] { directory.topic("events")!.partitions }

        static func options() -> DataDirectoryOptions {
            var options = DataDirectoryOptions(commit: .manual)
            options.syncedTogetherMin = 4
            // Whatever the journal does not take.
            options.journalBytes = 0
            return options
        }

        init(seed: UInt64 = 1) throws {
            disk = SimulatedDisk(seed: seed)
            directory = try DataDirectory.open(
                path: "/data", disk: disk, options: Self.options(), now: Self.now, logger: nil)
            try directory.createTopic("events", partitions: 8, now: Self.now)
            for log in partitions { try append("first", to: log) }
            directory.commitNow()
            acknowledged.withLock { $0 = [] }
            for log in partitions { try append("second", to: log) }
        }

        func append(_ text: String, to log: PartitionLog) throws {
            let batch = Batches.batch([Array("\(text) \(log.partition)".utf8)])
            let result = try log.append(batch, now: Self.now)
            log.whenDurable(result) { [acknowledged, failed] error in
                (error == nil ? acknowledged : failed).withLock { _ = $0.insert(log.partition) }
            }
        }

        /// Opens what a power cut has left, and counts the batches that each partition still has.
        func batches(keep: Int, isDamaged: Bool = false) throws -> [Int] {
            disk.powerCut(keep: keep)
            let after = try DataDirectory.open(
                path: "/data", disk: disk, options: Self.options(), now: Self.now, logger: nil)
            #expect(isDamaged || after.recovery.damages.isEmpty)
            return after.topic("events")!.partitions.map { $0.readableBatches().found.count }
        }
    }

    @Test func manyPartitionsTakeOneWriteBackAndOneSync() throws {
        let world = try World()
        let before = world.disk.count(of: .sync)
        world.directory.commitNow()
        #expect(world.disk.count(of: .sync) == before + 2)
        #expect(world.acknowledged.withLock { $0 } == Set(0..<8))
        #expect(try world.batches(keep: 0) == .init(repeating: 2, count: 8))
    }

    @Test func fewPartitionsAreSyncedOneByOne() throws {
        let world = try World()
        world.directory.commitNow()
        for log in world.partitions.prefix(3) { try world.append("third", to: log) }
        let before = world.disk.count(of: .sync)
        world.directory.commitNow()
        #expect(world.disk.count(of: .sync) == before + 3)
    }

    /// New files and their names too.
    @Test func theFirstBatchesOfATopicShareOne() throws {
        let disk = SimulatedDisk(seed: 3)
        let directory = try DataDirectory.open(
            path: "/data", disk: disk, options: World.options(), now: World.now, logger: nil)
        let topic = try directory.createTopic("events", partitions: 8, now: World.now)
        for log in topic.partitions {
            _ = try log.append(Batches.batch([[1, 2, 3]]), now: World.now)
        }
        directory.commitNow()
        #expect(disk.count(of: .syncDirectory) < 8 + 8)
        disk.powerCut(keep: 0)
        let after = try DataDirectory.open(
            path: "/data", disk: disk, options: World.options(), now: World.now, logger: nil)
        let ends = after.topic("events")!.partitions.map(\.durableEnd)
        #expect(ends == .init(repeating: 1, count: 8))
    }

    @Test func whatIsAcknowledgedSurvivesAPowerCutAtAnyStep() throws {
        var step = 0
        var wasWhole = false
        while !wasWhole {
            for keep in [0, 50, 100] {
                let world = try World(seed: UInt64(step + keep))
                world.disk.die(at: world.disk.operationCount + step)
                world.directory.commitNow()
                wasWhole = !world.disk.isDead
                let acknowledged = world.acknowledged.withLock { $0 }
                let left = try world.batches(keep: keep, isDamaged: true)
                for partition in acknowledged {
                    #expect(left[Int(partition)] == 2, "step \(step) keep \(keep)")
                }
                #expect(left.allSatisfy { $0 >= 1 }, "step \(step) keep \(keep): \(left)")
            }
            step += 1
        }
        #expect(step > 2)
    }

    @Test func aFailedWriteBackCostsThePartitionsWhoseFilesFailed() throws {
        var offline = 0
        var online = 0
        for seed in 0..<40 as Range<UInt64> {
            let world = try World(seed: seed)
            world.disk.fail(
                .init(operation: world.disk.operationCount, errno: SystemError.eio),
                only: [.sync])
            world.directory.commitNow()
            #expect(world.disk.faultsMet == 1)
            let acknowledged = world.acknowledged.withLock { $0 }
            let failed = world.failed.withLock { $0 }
            #expect(acknowledged.union(failed) == Set(0..<8), "seed \(seed)")
            #expect(acknowledged.isDisjoint(with: failed), "seed \(seed)")
            for log in world.partitions {
                #expect(log.isOnline == acknowledged.contains(log.partition), "seed \(seed)")
            }
            offline += failed.count
            online += acknowledged.count
            // The others go on. (A write to the same sector would bring back what was lost.)
            let well = world.partitions.filter(\.isOnline)
            let goesOn = seed % 2 == 0
            if goesOn {
                for log in well { try world.append("third", to: log) }
                world.directory.commitNow()
            }
            let left = try world.batches(keep: 0, isDamaged: !failed.isEmpty)
            for log in well {
                #expect(left[Int(log.partition)] == (goesOn ? 3 : 2), "seed \(seed)")
            }
        }
        #expect(offline > 50 && online > 50, "\(offline) offline, \(online) online")
    }

    /// The flush behind the write-back fails: nobody may be told that it is durable.
    @Test func aFailedSyncBehindTheWriteBackIsNoAcknowledgement() throws {
        let world = try World()
        world.disk.fail(
            .init(operation: world.disk.operationCount + 1, errno: SystemError.eio), only: [.sync])
        world.directory.commitNow()
        #expect(world.failed.withLock { $0.count } == 1)
        #expect(world.acknowledged.withLock { $0.count } == 7)
        let acknowledged = world.acknowledged.withLock { $0 }
        let left = try world.batches(keep: 0)
        for partition in acknowledged { #expect(left[Int(partition)] == 2) }
    }

    @Test func whateverWaitsIsServedHoweverMany() throws {
        let disk = SimulatedDisk(seed: 4)
        var options = World.options()
        options.openFilesMax = 3000
        let directory = try DataDirectory.open(
            path: "/data", disk: disk, options: options, now: World.now, logger: nil)
        let topic = try directory.createTopic("many", partitions: 1500, now: World.now)
        for log in topic.partitions {
            _ = try log.append(Batches.batch([[1]]), now: World.now)
        }
        directory.commitNow()
        #expect(topic.partitions.allSatisfy { $0.durableEnd == 1 })
        disk.powerCut(keep: 0)
        let after = try DataDirectory.open(
            path: "/data", disk: disk, options: options, now: World.now, logger: nil)
        #expect(after.topic("many")!.partitions.allSatisfy { $0.durableEnd == 1 })
    }

    @Test func slowWriteBacksAreLeftAlone() throws {
        let disk = SimulatedDisk(seed: 9)
        let directory = try directoryOfOneSyncer(disk)
        let topic = try directory.createTopic("events", partitions: 64, now: World.now)
        disk.setWriteBackTime(milliseconds: 300)
        // In most rounds there is more than enough that waits; three were tried.
        #expect(try writeBacks(in: directory, topic, disk, upTo: 4, rounds: 50) == 3)
        disk.setWriteBackTime(milliseconds: 0)
        #expect(try writeBacks(in: directory, topic, disk, upTo: 1, rounds: 10) == 0)
        #expect(topic.partitions.allSatisfy { $0.durableEnd == 60 })
        try directory.close(now: World.now)
    }

    /// A device that stalls now and then does so for any sync.
    @Test func oneSlowWriteBackAmongQuickOnesCountsForNothing() throws {
        let disk = SimulatedDisk(seed: 9)
        let directory = try directoryOfOneSyncer(disk)
        let topic = try directory.createTopic("events", partitions: 64, now: World.now)
        for _ in 0..<2 {
            disk.setWriteBackTime(milliseconds: 300)
            #expect(try writeBacks(in: directory, topic, disk, upTo: 1, rounds: 200) > 0)
            disk.setWriteBackTime(milliseconds: 1)
            #expect(try writeBacks(in: directory, topic, disk, upTo: 1, rounds: 200) > 0)
        }
        try directory.close(now: World.now)
    }

    private func directoryOfOneSyncer(_ disk: SimulatedDisk) throws -> DataDirectory {
        var options = DataDirectoryOptions(commit: .threads(syncers: 1))
        options.syncedTogetherMin = 4
        options.journalBytes = 0
        return try DataDirectory.open(
            path: "/data", disk: disk, options: options, now: World.now, logger: nil)
    }

    /// A batch goes to every partition, so many times or until there were so many write-backs: how
    /// many there were. In which rounds is up to the threads.
    private func writeBacks(
        in directory: DataDirectory, _ topic: Topic, _ disk: SimulatedDisk, upTo enough: Int,
        rounds: Int
    ) throws -> Int {
        disk.beginLog()
        var count = 0
        for round in 0..<rounds where count < enough {
            for log in topic.partitions {
                _ = try log.append(Batches.batch([[UInt8(round)]]), now: World.now)
            }
            directory.commitNow()
            count = disk.operationLog.filter { $0.contains("syncfs") }.count
        }
        return count
    }

    @Test func theMachinesDiskTellsWhetherItCan() throws {
        let path = NSTemporaryDirectory() + "varve-log-\(UniqueID.random())"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        // On a file system where it is not known what a write-back does, there is none.
        try PosixDisk().fileSystem(of: path)?.writeBack()
        #expect(try PosixDisk().fileSystem(of: "/proc") == nil)
        do {
            _ = try PosixDisk().fileSystem(of: path + "/missing")
            Issue.record("a directory that is not there has a file system")
        } catch {
            #expect(error.isMissing)
        }
    }
}
