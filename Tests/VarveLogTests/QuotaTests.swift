import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Quotas: bytes of one topic, and of all.
@Suite struct QuotaTests {
    private static func batch() -> ByteSlice {
        Batches.batch([[UInt8](repeating: 3, count: 1000)])
    }

    /// Appends until refused; returns how many were taken, and why no more.
    private static func fill(
        _ log: PartitionLog, now: Int64
    ) throws -> (count: Int, error: LogError) {
        for count in 0..<1000 {
            do {
                _ = try log.append(batch(), now: now)
            } catch LogError.overQuota(let topic, let bytes, let bytesMax) {
                return (count, .overQuota(topic: topic, bytes: bytes, bytesMax: bytesMax))
            }
        }
        throw LogError.closed
    }

    @Test func aTopicStopsAtItsQuotaAndNoOtherDoes() throws {
        let fixture = try LogFixture()
        let topic = try fixture.directory.createTopic(
            "small", partitions: 2, overrides: ["varve.quota.bytes": "10000"], now: fixture.now)
        let other = try fixture.directory.createTopic("other", partitions: 1, now: fixture.now)
        let size = Int64(Self.batch().count)
        let (count, error) = try Self.fill(topic.partitions[0], now: fixture.now)
        #expect(Int64(count) == 10000 / size, "partitions share it")
        #expect(
            error == .overQuota(topic: "small", bytes: Int64(count) * size, bytesMax: 10000))
        #expect("\(error)".contains("varve.quota.bytes") && "\(error)".contains("small"))
        #expect(throws: LogError.self) {
            try topic.partitions[1].append(Self.batch(), now: fixture.now)
        }
        #expect(topic.partitions[0].endOffset == Int64(count), "the log is unchanged")
        _ = try other.partitions[0].append(Self.batch(), now: fixture.now)
        // A change applies to the living topic.
        try fixture.directory.setConfiguration(
            "small", overrides: ["varve.quota.bytes": "20000"])
        #expect(
            try Self.fill(topic.partitions[1], now: fixture.now).count
                == Int(20000 / size) - count)
        try fixture.directory.setConfiguration("small", overrides: [:])
        for _ in 0..<50 { _ = try topic.partitions[1].append(Self.batch(), now: fixture.now) }
    }

    @Test func allTopicsStopAtTheirQuotaExceptInternalOnes() throws {
        var options = LogFixture.options()
        options.quotaBytes = 10_000
        let fixture = try LogFixture(options: options)
        let logs = try ["a", "b", "__consumer_offsets"].map {
            try fixture.directory.createTopic($0, partitions: 1, now: fixture.now).partitions[0]
        }
        for _ in 0..<4 { _ = try logs[0].append(Self.batch(), now: fixture.now) }
        let (_, error) = try Self.fill(logs[1], now: fixture.now)
        guard case .overQuota(nil, _, 10_000) = error else {
            Issue.record("\(error)")
            return
        }
        #expect("\(error)".contains("varve.log.quota.bytes"))
        #expect(throws: LogError.self) { try logs[0].append(Self.batch(), now: fixture.now) }
        for _ in 0..<20 { _ = try logs[2].append(Self.batch(), now: fixture.now) }
    }

    @Test func retentionTrimsAndDeletesMakeRoomByThemselves() throws {
        var options = LogFixture.options()
        options.quotaBytes = 30_000
        var fixture = try LogFixture(options: options)
        let log = try fixture.partition([
            "segment.bytes": "3000", "varve.quota.bytes": "20000", "retention.ms": "60000",
        ])
        let (count, _) = try Self.fill(log, now: fixture.now)
        fixture.directory.commitNow()
        fixture.now += 61_000
        fixture.directory.applyRetention(now: fixture.now)
        #expect(try Self.fill(log, now: fixture.now).count == count)
        fixture.directory.commitNow()
        _ = try log.trim(to: -1, now: fixture.now)
        #expect(try Self.fill(log, now: fixture.now).count > count / 2)
        let other = try fixture.directory.createTopic("other", partitions: 1, now: fixture.now)
        let room = try Self.fill(other.partitions[0], now: fixture.now).count
        try fixture.directory.deleteTopic("events")
        #expect(try Self.fill(other.partitions[0], now: fixture.now).count > room)
        #expect(fixture.directory.storage.bytes == other.byteCount)
        #expect(other.byteCount == other.partitions[0].byteCount)
    }

    /// What the quota counts is what is there, also after a recovery that set damage aside.
    @Test func theCountIsRightAfterAStart() throws {
        for seed in UInt64(0)..<20 {
            var fixture = try LogFixture(seed: seed)
            let log = try fixture.partition(["segment.bytes": "3000"])
            for index in 0..<10 {
                _ = try log.append(Self.batch(), now: fixture.now)
                if index == 6 { fixture.directory.commitNow() }
            }
            fixture.disk.powerCut()
            try fixture.reopen()
            #expect(
                fixture.directory.topics[0].byteCount == fixture.log.byteCount, "seed \(seed)")
            _ = try fixture.log.reopen(now: fixture.now)
            #expect(fixture.directory.storage.bytes == fixture.log.byteCount, "seed \(seed)")
        }
    }

    @Test func eachLevelIsSaidOnce() throws {
        let now: Int64 = 1_767_225_600_000
        let lines = Lock<[String]>([])
        let logger = Logger("test", sink: { line in lines.withLock { $0.append(line) } })
        let directory = try DataDirectory.open(
            path: "/data", disk: SimulatedDisk(seed: 1), options: LogFixture.options(), now: now,
            logger: logger)
        let topic = try directory.createTopic(
            "small", partitions: 1,
            overrides: ["varve.quota.bytes": "10000", "segment.bytes": "1100"], now: now)
        let log = topic.partitions[0]
        func said(_ text: String) -> Int {
            directory.tick(now: now)
            directory.tick(now: now)
            return lines.withLock { $0.filter { $0.contains(text) }.count }
        }
        for _ in 0..<7 { _ = try log.append(Self.batch(), now: now) }
        #expect(said("quota") == 0 && topic.quotaLevel == .ok)
        _ = try log.append(Self.batch(), now: now)
        #expect(said("nearly reached") == 1 && topic.quotaLevel == .warning)
        for _ in 0..<3 {
            _ = try Self.fill(log, now: now)
            #expect(said("quota reached") == 1 && topic.quotaLevel == .reached)
        }
        directory.commitNow()
        _ = try log.trim(to: 6, now: now)
        #expect(said("below the disk quota") == 1 && topic.quotaLevel == .ok)
        _ = try Self.fill(log, now: now)
        #expect(said("quota reached") == 2)
        #expect(directory.storage.quotaRefusals == 4)
    }
}
