import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// A full disk: ordinary topics are refused, everything that is needed to get out of it goes on,
/// and produce resumes without a restart.
@Suite struct FullDiskTests {
    private static let reserveBytes: Int64 = 1 << 20

    static func options() -> DataDirectoryOptions {
        var options = LogFixture.options()
        options.reserveBytes = reserveBytes
        return options
    }

    /// A directory with two ordinary topics and the offsets topic, on a disk with `room` bytes
    /// left besides what is there.
    private struct Full {
        var fixture: LogFixture
        let events: PartitionLog
        let other: PartitionLog
        let offsets: PartitionLog

        init(seed: UInt64 = 1, room: Int = 1_500_000) throws {
            let fixture = try LogFixture(seed: seed, options: FullDiskTests.options())
            self.fixture = fixture
            func make(_ name: String) throws -> PartitionLog {
                try fixture.directory.createTopic(
                    name, partitions: 1, overrides: ["segment.bytes": "100000"],
                    now: fixture.now
                ).partitions[0]
            }
            events = try make("events")
            other = try make("other")
            offsets = try make("__consumer_offsets")
            fixture.disk.setCapacity(Int(FullDiskTests.reserveBytes) + 20_000 + room)
        }

        /// Appends until the disk is full; returns how many batches it took.
        @discardableResult
        func fill(_ log: PartitionLog) throws -> Int {
            for count in 0..<10_000 {
                do {
                    _ = try log.append(
                        Batches.batch([[UInt8](repeating: 7, count: 9000)]), now: fixture.now)
                } catch LogError.full {
                    return count
                }
                if count % 10 == 0 { fixture.directory.commitNow() }
            }
            Issue.record("the disk does not fill up")
            return 0
        }

        func appendOffset() throws {
            _ = try offsets.append(
                Batches.batch([[UInt8](repeating: 1, count: 200)], key: "group"),
                now: fixture.now)
            fixture.directory.commitNow()
        }

        /// No file holds a byte that its log does not know of.
        func checkNothingHalfWritten() {
            for log in [events, other, offsets] {
                let files = fixture.disk.allFiles.filter {
                    $0.contains("/\(log.topic)/") && $0.hasSuffix(".log")
                }
                var byteCount = 0
                for bytes in files.compactMap({ fixture.disk.contents($0) }) {
                    let end = LogFixture.batchEnd(bytes)
                    byteCount += end
                    #expect(bytes[end...].allSatisfy { $0 == 0 }, "\(log.topic)")
                }
                #expect(log.byteCount == Int64(byteCount), "\(log.topic)")
            }
        }
    }

    @Test func whatEmptiesADiskGoesOnWhenItIsFull() throws {
        var full = try Full()
        let taken = try full.fill(full.events)
        #expect(taken > 20 && full.fixture.directory.storage.isFull)
        full.checkNothingHalfWritten()
        // Another ordinary topic is refused at once, without an attempt.
        let writes = full.fixture.disk.count(of: .write)
        #expect(throws: LogError.self) {
            try full.other.append(Batches.batch([[1]]), now: full.fixture.now)
        }
        #expect(full.fixture.disk.count(of: .write) == writes)
        // Offset commits go on for long, over several segments.
        for _ in 0..<1000 { try full.appendOffset() }
        #expect(full.offsets.durableEnd == 1000 && full.events.isOnline)
        #expect(
            full.fixture.directory.storage.reserveBytes < Self.reserveBytes,
            "taken from the reserve")
        // So do reads, trims, marks, changes of configuration and clean stops.
        #expect(try full.events.everything().count == taken)
        full.fixture.now += 40_000
        full.fixture.directory.tick(now: full.fixture.now)
        full.fixture.directory.commitNow()
        try full.fixture.directory.setConfiguration(
            "other", overrides: ["retention.ms": "1000"])
        #expect(throws: LogError.self, "no space has returned") {
            try full.other.append(Batches.batch([[1]]), now: full.fixture.now)
        }
        #expect(throws: LogError.self, "nor is there room for new topics") {
            try full.fixture.directory.createTopic(
                "more", partitions: 1, now: full.fixture.now)
        }
        full.checkNothingHalfWritten()
        _ = try full.events.trim(to: Int64(taken) - 5, now: full.fixture.now)
        #expect(full.events.startOffset == Int64(taken) - 5)
        // That made room, and the next tick finds it: no restart.
        full.fixture.directory.tick(now: full.fixture.now)
        #expect(!full.fixture.directory.storage.isFull)
        #expect(full.fixture.directory.storage.reserveBytes == Self.reserveBytes)
        _ = try full.other.append(Batches.batch([[1]]), now: full.fixture.now)
        _ = try full.events.append(Batches.batch([[1]]), now: full.fixture.now)
        full.fixture.directory.commitNow()
        #expect(full.events.durableEnd == Int64(taken) + 1)
    }

    @Test func deletingATopicMakesRoom() throws {
        var full = try Full()
        try full.fill(full.events)
        try full.fixture.directory.deleteTopic("events")
        full.fixture.directory.tick(now: full.fixture.now)
        _ = try full.other.append(Batches.batch([[1]]), now: full.fixture.now)
        full.fixture.directory.commitNow()
        full.fixture.disk.powerCut(keep: 0)
        try full.fixture.reopen(options: Self.options())
        #expect(full.fixture.directory.topic("events") == nil)
        #expect(full.fixture.directory.topic("other")!.partitions[0].durableEnd == 1)
    }

    /// Space that another program takes is noticed before a write meets its end.
    @Test func ingestStopsBeforeTheLastByte() throws {
        let full = try Full()
        full.fixture.disk.setCapacity(Int(Self.reserveBytes) + 60_000)
        full.fixture.directory.tick(now: full.fixture.now)
        #expect(full.fixture.directory.storage.isFull)
        #expect(throws: LogError.self) {
            try full.events.append(Batches.batch([[1]]), now: full.fixture.now)
        }
        full.fixture.disk.setCapacity(nil)
        full.fixture.directory.tick(now: full.fixture.now)
        _ = try full.events.append(Batches.batch([[1]]), now: full.fixture.now)
    }

    /// A start finds no room for a reserve: offsets are taken where there is a little, ordinary
    /// records are not, and both are when there is space.
    @Test func aStartOnAFullDiskWaitsForSpace() throws {
        var fixture = try LogFixture()
        _ = try fixture.directory.createTopic("events", partitions: 1, now: fixture.now)
        try fixture.append(["kept"])
        try fixture.directory.close(now: fixture.now)
        fixture.disk.kill()
        fixture.disk.setCapacity(200_000)
        try fixture.reopen(options: Self.options())
        #expect(fixture.directory.storage.isFull)
        #expect(try fixture.values() == ["kept"])
        #expect(throws: LogError.self) { try fixture.append(["refused"]) }
        fixture.disk.setCapacity(nil)
        fixture.directory.tick(now: fixture.now)
        #expect(fixture.directory.storage.reserveBytes == Self.reserveBytes)
        try fixture.append(["taken"])
        // A tool that knows of no reserve leaves it; a start without one gives its space back.
        try fixture.restart()
        #expect(fixture.disk.allFiles.contains("/data/reserve"))
        try fixture.directory.close(now: fixture.now)
        fixture.disk.kill()
        var none = LogFixture.options()
        none.reserveBytes = 0
        try fixture.reopen(options: none)
        #expect(!fixture.disk.allFiles.contains("/data/reserve"))
        #expect(try fixture.values() == ["kept", "taken"])
    }

    /// The power goes at every operation of a life on a full disk.
    @Test func powerCutsWhileFullLoseNothingAcknowledged() throws {
        var step = 0
        var isOver = false
        while !isOver {
            let seed = UInt64(step)
            var full = try Full(seed: seed, room: 700_000)
            let taken = try full.fill(full.events)
            full.fixture.directory.commitNow()
            // An operation in so many, another one in each run.
            full.fixture.disk.die(at: full.fixture.disk.operationCount + step)
            let acknowledged = Lock<Int64>(0)
            var start: Int64 = 0
            for round in 0..<30 {
                let offsets = full.offsets
                if let result = try? offsets.append(
                    Batches.batch([[UInt8](repeating: 1, count: 7000)]), now: full.fixture.now)
                {
                    offsets.whenDurable(result) { error in
                        if error == nil { acknowledged.withLock { $0 = result.nextOffset } }
                    }
                }
                full.fixture.directory.commitNow()
                if round == 20, let new = try? full.events.trim(to: 3, now: full.fixture.now) {
                    start = new
                }
                if round % 10 == 9 { full.fixture.directory.tick(now: full.fixture.now) }
            }
            isOver = !full.fixture.disk.isDead
            full.fixture.disk.powerCut()
            try full.fixture.reopen(options: Self.options())
            let events = full.fixture.directory.topic("events")!.partitions[0]
            let offsets = full.fixture.directory.topic("__consumer_offsets")!.partitions[0]
            let context = "operation \(step)"
            #expect(events.isOnline && offsets.isOnline, "\(context)")
            #expect(events.durableEnd == Int64(taken), "\(context)")
            #expect(events.startOffset >= start, "\(context)")
            #expect(offsets.durableEnd >= acknowledged.withLock { $0 }, "\(context)")
            #expect(
                try offsets.everything().count == Int(offsets.durableEnd), "\(context)")
            for damage in full.fixture.directory.recovery.damages {
                #expect(damage.kind != .corruption, "\(context): \(damage)")
            }
            // And the way out is still open.
            full.fixture.disk.setCapacity(nil)
            full.fixture.directory.tick(now: full.fixture.now)
            _ = try events.append(Batches.batch([[1]]), now: full.fixture.now)
            full.fixture.directory.commitNow()
            #expect(events.durableEnd == Int64(taken) + 1, "\(context)")
            step += 3
        }
        #expect(step > 100, "only \(step) operations")
    }

    /// One operation after another finds the disk full, once: internal topics, trims and deletes
    /// do not notice.
    @Test func noSingleFullOperationStopsWhatMustGoOn() throws {
        var operation = 0
        var met = 0
        while true {
            var fixture = try LogFixture(seed: UInt64(operation), options: Self.options())
            let offsets = try fixture.directory.createTopic(
                "__consumer_offsets", partitions: 1, overrides: ["segment.bytes": "1500"],
                now: fixture.now
            ).partitions[0]
            let gone = try fixture.directory.createTopic("gone", partitions: 2, now: fixture.now)
            for log in gone.partitions {
                _ = try log.append(Batches.batch([[1]]), now: fixture.now)
            }
            fixture.directory.commitNow()
            let first = fixture.disk.operationCount
            // A sync that meets ENOSPC is a failed sync, which nothing may repeat (I6).
            fixture.disk.fail(
                .init(operation: first + operation, errno: SystemError.enospc),
                only: [.open, .write, .name])
            for _ in 0..<6 {
                _ = try offsets.append(
                    Batches.batch([[UInt8](repeating: 1, count: 500)]), now: fixture.now)
                fixture.directory.commitNow()
            }
            _ = try offsets.trim(to: 3, now: fixture.now)
            try fixture.directory.setConfiguration("gone", overrides: ["retention.ms": "5"])
            try fixture.directory.deleteTopic("gone")
            fixture.now += 40_000
            fixture.directory.tick(now: fixture.now)
            fixture.directory.commitNow()
            let wasMet = fixture.disk.faultsMet > 0
            let lastOperation = fixture.disk.operationCount
            try fixture.directory.close(now: fixture.now)
            fixture.disk.powerCut(keep: 0)
            try fixture.reopen(options: Self.options())
            #expect(fixture.report.wasClean && fixture.report.damages.isEmpty)
            #expect(
                fixture.directory.topic("__consumer_offsets")?.partitions[0].durableEnd == 6,
                "operation \(operation)")
            met += wasMet ? 1 : 0
            operation += 1
            if first + operation > lastOperation { break }
        }
        #expect(met > 30, "only \(met) operations")
    }

    /// An index entry vouches for the batch behind a gap. A mark that speaks of that batch while
    /// the disk had no room for the entry would have the next start not know of it.
    @Test func aMarkDoesNotSpeakOfMoreThanTheIndexThatCouldBeWritten() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["one"])
        fixture.directory.commitNow()
        let first = try fixture.batchBytes(0)
        try fixture.append(["two"])
        try fixture.restart()
        // The second record is lost, and its offset with it.
        fixture.disk.kill()
        fixture.disk.setContents(fixture.path(0, "log"), first)
        try fixture.reopen()
        try fixture.append(["three"])
        // No room for the entry; the mark lies in blocks that it has.
        let used = fixture.disk.allFiles.reduce(0) { $0 + fixture.disk.contents($1)!.count }
        fixture.disk.setCapacity(used)
        fixture.directory.commitNow()
        #expect(try fixture.values() == ["one", "three"])
        fixture.disk.setCapacity(nil)
        fixture.disk.kill()
        try fixture.reopen()
        #expect(try fixture.values() == ["one", "three"])
        #expect(fixture.log.endOffset == 3)
    }
}
