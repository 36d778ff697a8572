import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

@Suite struct DataDirectoryTests {
    @Test func topicsComeBackWithTheirIdentityAndConfiguration() throws {
        var fixture = try LogFixture()
        let overrides = ["retention.ms": "1234", "cleanup.policy": "compact,delete"]
        let topic = try fixture.directory.createTopic(
            "a.topic-1_x", partitions: 3, overrides: overrides, now: fixture.now)
        try fixture.directory.addPartitions("a.topic-1_x", total: 5)
        try fixture.directory.createTopic("b", partitions: 1, now: fixture.now)
        try fixture.directory.setConfiguration("b", overrides: ["segment.bytes": "2048"])
        try fixture.directory.createTopic("gone", partitions: 2, now: fixture.now)
        try fixture.directory.deleteTopic("gone")
        let cluster = fixture.directory.clusterID
        // Everything was durable on return: a power cut that loses all else changes nothing.
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(fixture.directory.clusterID == cluster && cluster.count == 22)
        #expect(fixture.directory.topics.map(\.name) == ["a.topic-1_x", "b"])
        let again = try #require(fixture.directory.topic(id: topic.id))
        #expect(again.name == "a.topic-1_x" && again.partitions.count == 5)
        #expect(again.configuration.overrides == overrides)
        #expect(again.configuration.retentionMilliseconds == 1234)
        #expect(fixture.directory.topic("b")?.configuration.segmentBytes == 2048)
    }

    @Test func aNewTopicSurvivesAPowerCutAtOnce() throws {
        var fixture = try LogFixture()
        try fixture.directory.createTopic("first", partitions: 2, now: fixture.now)
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(fixture.directory.topic("first")?.partitions.count == 2)
        try fixture.directory.deleteTopic("first")
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(fixture.directory.topics.isEmpty)
    }

    @Test func badRequestsAreRefusedByName() throws {
        var options = LogFixture.options()
        options.partitionsMax = 10
        let fixture = try LogFixture(options: options)
        let directory = fixture.directory
        for name in ["", ".", "..", "a/b", "a b", "ü", "x~new", String(repeating: "x", count: 250)] {
            #expect(throws: LogError.invalidTopicName(name)) {
                try directory.createTopic(name, partitions: 1, now: 0)
            }
        }
        for count in [0, -1, 11, Int.max] {
            #expect(throws: LogError.self) {
                try directory.createTopic("t", partitions: count, now: 0)
            }
        }
        for (name, value) in [
            ("no.such", "1"), ("retention.ms", "soon"), ("segment.bytes", "-5"),
            ("cleanup.policy", "burn"), ("message.timestamp.type", "Never"),
            ("preallocate", "maybe"), ("retention.ms", "-2"),
        ] {
            do {
                try directory.createTopic("t", partitions: 1, overrides: [name: value], now: 0)
                Issue.record("\(name)=\(value) was taken")
            } catch LogError.invalidConfiguration(let found, _) {
                #expect(found == name)
            }
        }
        try directory.createTopic("t", partitions: 1, now: 0)
        #expect(throws: LogError.topicExists("t")) {
            try directory.createTopic("t", partitions: 1, now: 0)
        }
        #expect(throws: LogError.self) { try directory.addPartitions("t", total: 1) }
        #expect(throws: LogError.self) { try directory.addPartitions("t", total: 11) }
        #expect(throws: LogError.unknownTopic("u")) { try directory.deleteTopic("u") }
    }

    @Test func onlyOneProcessHasTheDirectory() throws {
        var fixture = try LogFixture()
        do {
            try fixture.reopen()
            Issue.record("opened twice")
        } catch LogError.directoryLocked(let path, let holder) {
            #expect(path == "/data/varve.lock")
            #expect(holder.hasPrefix("process \(ProcessControl.identifier) since 2026-01-01"))
        }
        try fixture.directory.close(now: fixture.now)
        try fixture.reopen()
    }

    private func setFormat(_ format: Int, _ disk: SimulatedDisk) {
        let meta = String(decoding: disk.contents("/data/meta.json")!, as: UTF8.self)
        let other = meta.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.contains("format") ? "  \"format\": \(format)," : String($0)
        }.joined(separator: "\n")
        disk.setContents("/data/meta.json", Array(other.utf8))
    }

    @Test func aNewerFormatIsLeftAlone() throws {
        var fixture = try LogFixture()
        fixture.disk.kill()
        setFormat(3, fixture.disk)
        #expect(
            throws: LogError.newerFormat(path: "/data/meta.json", found: 3, known: 2)
        ) { try fixture.reopen() }
    }

    /// A version that knows no journal must not open a directory that may have one.
    @Test func anOlderFormatIsRaisedBeforeTheLogGoesOn() throws {
        var fixture = try LogFixture()
        let meta = try #require(fixture.disk.contents("/data/meta.json"))
        let id = fixture.directory.clusterID
        fixture.disk.kill()
        setFormat(1, fixture.disk)
        var verification = Verification(path: "/data", disk: fixture.disk, options: .init())
        #expect(try verification.run().findings.isEmpty)
        try fixture.reopen()
        fixture.disk.powerCut(keep: 0)
        #expect(fixture.disk.contents("/data/meta.json") == meta)
        #expect(fixture.directory.clusterID == id)
    }

    @Test func aTopicWithoutItsDescriptionKeepsItsRecords() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["kept"])
        fixture.directory.commitNow()
        fixture.disk.kill()
        fixture.disk.erase("/data/topics/events/topic.json")
        try fixture.reopen()
        #expect(try fixture.values() == ["kept"])
        #expect(fixture.directory.recovery.notes.count == 1)
    }

    @Test func readersAndWaitersOfADeletedTopicAreTold() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        try fixture.append(["x"])
        let told = Lock<[LogError?]>([])
        let observed = Lock(0)
        log.setObserver { _ in observed.withLock { $0 += 1 } }
        log.whenDurable(1) { error in told.withLock { $0.append(error) } }
        try fixture.directory.deleteTopic("events")
        #expect(told.withLock { $0 } == [.unknownTopic("events")])
        #expect(observed.withLock { $0 } == 1)
        #expect(throws: LogError.unknownTopic("events")) { try log.read(from: 0, bytesMax: 10) }
        #expect(throws: LogError.unknownTopic("events")) {
            try log.append(Batches.batch([[1]]), now: fixture.now)
        }
        #expect(fixture.disk.allFiles.allSatisfy { !$0.contains("events") })
        fixture.directory.commitNow()
        // The name is free again, and the new topic is another one.
        try fixture.directory.createTopic("events", partitions: 1, now: fixture.now)
        #expect(fixture.log.endOffset == 0)
    }

    @Test func idlePartitionsKeepNothingOpen() throws {
        var fixture = try LogFixture()
        let topic = try fixture.directory.createTopic("many", partitions: 50, now: fixture.now)
        #expect(
            fixture.disk.allFiles.filter { $0.contains("many") }.count == 1,
            "an empty partition has no files")
        let logs = topic.partitions
        for log in logs { _ = try log.append(Batches.batch([[1]]), now: fixture.now) }
        fixture.directory.commitNow()
        fixture.now += 200_000
        fixture.directory.tick(now: fixture.now)
        fixture.directory.commitNow()
        fixture.directory.tick(now: fixture.now)
        #expect(fixture.disk.openFileCount <= 1, "only the lock file stays open")
        for log in logs { _ = try log.append(Batches.batch([[2]]), now: fixture.now) }
        fixture.directory.commitNow()
        for log in logs { #expect(try log.everything().count == 2) }
    }

    @Test func anUncleanStartReadsOnlyTheTail() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition(["segment.bytes": "1000000"])
        for _ in 0..<200 { try fixture.append([String(repeating: "x", count: 1000)]) }
        fixture.directory.commitNow()
        fixture.now += 31_000
        fixture.directory.tick(now: fixture.now)
        fixture.directory.commitNow()
        let marked = try fixture.batchBytes(0).count
        try fixture.append(["tail"])
        fixture.directory.commitNow()
        #expect((1..<200).contains(try fixture.batchBytes(0).count - marked))
        let size = fixture.disk.contents(fixture.path(0, "log"))!.count
        fixture.disk.powerCut()
        try fixture.reopen()
        #expect(!fixture.report.wasClean)
        // The batch, and what is written ahead of the next one.
        #expect(fixture.report.bytesScanned == Int64(size - marked))
        #expect(try fixture.values().count == 201)
    }
}
