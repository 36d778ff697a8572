import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// All partitions together keep a bounded number of files open, and never let go of a file whose
/// bytes no sync has covered.
@Suite struct OpenFilesTests {
    private static func options(
        filesMax: Int, commit: CommitMode = .manual
    ) -> DataDirectoryOptions {
        var options = DataDirectoryOptions(commit: commit)
        options.openFilesMax = filesMax
        return options
    }

    private static func logCloses(_ disk: SimulatedDisk) -> [String] {
        disk.unsyncedCloses.filter { $0.hasSuffix(".log") }
    }

    /// A thousand partitions with several segments each, read and written at random.
    @Test(arguments: [CommitMode.manual, .threads(syncers: 4)])
    func aThousandPartitionsKeepSixtyFourFiles(commit: CommitMode) throws {
        let seed = Generator.seed(for: "aThousandPartitionsKeepSixtyFourFiles")
        var generator = Generator(seed: seed)
        var fixture = try LogFixture(
            seed: seed, options: Self.options(filesMax: 64, commit: commit))
        let topic = try fixture.directory.createTopic(
            "many", partitions: 1000, overrides: ["segment.bytes": "1024"], now: fixture.now)
        let logs = topic.partitions
        fixture.disk.forgetPeak()
        for round in 0..<4 {
            // Nobody commits between two appends to different partitions: a sixteenth of them
            // would fill the cache with unsynced files.
            for log in logs {
                _ = try log.append(
                    Batches.batch([generator.bytes(600)], timestamp: fixture.now),
                    now: fixture.now)
            }
            fixture.directory.commitNow()
            for _ in 0..<500 {
                let log = logs[generator.int(0..<logs.count)]
                let offset = Int64(generator.int(0...round))
                let found = try log.read(from: offset, bytesMax: 1)
                #expect(found.nextOffset == offset + 1, "seed \(seed)")
            }
        }
        let segments = fixture.disk.allFiles.filter { $0.hasSuffix(".log") }.count
        #expect(segments == 4000, "each batch had a segment of its own")
        // Beside the 64: the lock file, and what commits of four threads, and of the four
        // partitions that are synced together, write behind.
        #expect(
            fixture.disk.openFilePeak <= 64 + 1 + (4 + 4) * 8, "\(fixture.disk.openFilePeak) open")
        #expect(Self.logCloses(fixture.disk) == [])
        try fixture.directory.close(now: fixture.now)
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen(options: Self.options(filesMax: 64, commit: commit))
        #expect(fixture.directory.topic("many")!.partitions.allSatisfy { $0.durableEnd == 4 })
    }

    @Test func theLeastRecentlyUsedIsClosedFirst() throws {
        let fixture = try LogFixture(options: Self.options(filesMax: 3))
        let logs = try fixture.directory.createTopic("t", partitions: 4, now: fixture.now)
            .partitions
        for log in logs {
            _ = try log.append(Batches.batch([[1]]), now: fixture.now)
            fixture.directory.commitNow()
        }
        func opens(reading partitions: [Int]) throws -> Int {
            fixture.disk.beginLog()
            for partition in partitions { _ = try logs[partition].read(from: 0, bytesMax: 1) }
            return fixture.disk.operationLog.filter { $0.contains(" open ") }.count
        }
        // The oldest, 0, was closed for 3. Used in another order, 2 is the next.
        #expect(try opens(reading: [1, 3, 1]) == 0)
        #expect(try opens(reading: [0]) == 1)
        #expect(try opens(reading: [0, 1, 3]) == 0)
        #expect(try opens(reading: [2]) == 1)
        // And it took the place of 0.
        #expect(try opens(reading: [1, 3]) == 0)
        #expect(try opens(reading: [0]) == 1)
    }

    /// The descriptor that wrote is the one that syncs, however many files are opened in between.
    @Test func unsyncedBytesKeepTheirDescriptor() throws {
        let fixture = try LogFixture(options: Self.options(filesMax: 2))
        let logs = try fixture.directory.createTopic("t", partitions: 8, now: fixture.now)
            .partitions
        for log in logs {
            _ = try log.append(Batches.batch([[1]]), now: fixture.now)
            fixture.directory.commitNow()
        }
        _ = try logs[0].append(Batches.batch([[2]]), now: fixture.now)
        fixture.disk.beginLog()
        for log in logs[1...] { _ = try log.read(from: 0, bytesMax: 1) }
        fixture.directory.commitNow()
        let opens = fixture.disk.operationLog.filter { $0.contains(" open ") }
        #expect(opens.count >= 6 && !opens.contains { $0.contains("/t/0/") }, "\(opens)")
        #expect(Self.logCloses(fixture.disk) == [])
        #expect(logs[0].durableEnd == 2)
    }

    /// With nothing but unsynced files an append waits for the committer, or makes the commit
    /// where that is its own business; reads go on with a descriptor of their own.
    @Test func appendsToMorePartitionsThanFilesMakeRoomBySyncing() throws {
        let fixture = try LogFixture(options: Self.options(filesMax: 4))
        let logs = try fixture.directory.createTopic("t", partitions: 32, now: fixture.now)
            .partitions
        for log in logs { _ = try log.append(Batches.batch([[1]]), now: fixture.now) }
        #expect(fixture.disk.openFileCount <= 4 + 1)
        for log in logs[..<28] {
            #expect(log.durableEnd == 1)
            _ = try log.read(from: 0, bytesMax: 1)
        }
        #expect(fixture.disk.openFileCount <= 4 + 1)
        #expect(Self.logCloses(fixture.disk) == [])
    }

    /// A partition whose sync failed keeps its descriptor until recovery has judged the file.
    @Test func aFailedSyncsFileIsKeptUntilReopened() throws {
        var fixture = try LogFixture(options: Self.options(filesMax: 2))
        let log = try fixture.partition()
        try fixture.append(["x"])
        fixture.disk.fail(
            .init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.sync])
        fixture.directory.commitNow()
        fixture.disk.fail(nil)
        #expect(!log.isOnline)
        let others = try fixture.directory.createTopic("t", partitions: 5, now: fixture.now)
            .partitions
        for other in others {
            _ = try other.append(Batches.batch([[1]]), now: fixture.now)
            fixture.directory.commitNow()
        }
        #expect(Self.logCloses(fixture.disk) == [])
        _ = try log.reopen(now: fixture.now)
        #expect(log.isOnline)
        try fixture.append(["y"])
        fixture.directory.commitNow()
        #expect(fixture.disk.openFileCount <= 2 + 1)
    }

    /// When the process has no descriptor left, the cache gives some back and goes on.
    @Test func outOfDescriptorsClosesSomeAndGoesOn() throws {
        var fixture = try LogFixture(options: Self.options(filesMax: 16))
        let logs = try fixture.directory.createTopic("t", partitions: 16, now: fixture.now)
            .partitions
        for log in logs {
            _ = try log.append(Batches.batch([[1]]), now: fixture.now)
            fixture.directory.commitNow()
        }
        let log = try fixture.partition()
        let before = fixture.disk.openFileCount
        fixture.disk.fail(
            .init(operation: fixture.disk.operationCount, errno: SystemError.emfile))
        try fixture.append(["x"])
        #expect(fixture.disk.faultsMet == 1 && fixture.disk.openFileCount < before)
        fixture.directory.commitNow()
        #expect(log.durableEnd == 1)
    }
}
