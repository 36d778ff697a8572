import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

@Suite struct CoordinatorOffsetTests {
    @Test func commitAnswersOnlyWhenItIsDurable() throws {
        let fixture = try CoordinatorFixture()
        let answer = fixture.commit("g", 5)
        #expect(answer.value == nil)
        #expect(fixture.offset("g") == nil, "what a crash may take back is shown to nobody (I3)")
        fixture.directory.commitNow()
        #expect(answer.value == ErrorCode.none)
        #expect(fixture.offset("g") == 5)
    }

    @Test func committedOffsetsSurviveRestart() throws {
        let fixture = try CoordinatorFixture()
        for offset in [5, 9, 7] as [Int64] { _ = fixture.commit("g", offset) }
        _ = fixture.commit("g", 11, partition: 3)
        _ = fixture.commit("other", 1)
        fixture.directory.commitNow()
        try fixture.restart()
        #expect(fixture.offset("g") == 7, "the latest commit counts, not the largest offset")
        #expect(fixture.offset("g", partition: 3) == 11)
        #expect(fixture.offset("other") == 1)
        #expect(fixture.offset("none") == nil)
    }

    @Test func memberCommitsItsGenerationOnly() throws {
        let fixture = try CoordinatorFixture()
        let member = try fixture.settle()
        #expect(fixture.commit("g", 5).value == .unknownMemberId)
        #expect(
            fixture.commit("g", 5, by: member) { $0.generation += 1 }.value == .illegalGeneration)
        let answer = fixture.commit("g", 5, by: member)
        fixture.directory.commitNow()
        #expect(answer.value == ErrorCode.none)
    }

    @Test func commitToAMissingGroupNeedsNoGeneration() throws {
        let fixture = try CoordinatorFixture()
        #expect(fixture.commit("g", 1) { $0.generation = 3 }.value == .illegalGeneration)
        #expect(
            fixture.commit("g", 1) {
                $0.generation = 3
                $0.knowsMissingGroups = true
            }.value == .groupIdNotFound)
        #expect(fixture.coordinator.describe("g") == nil, "a refused commit makes no group")
        _ = fixture.commit("g", 1)
        fixture.directory.commitNow()
        #expect(fixture.coordinator.describe("g")?.state == .empty)
    }

    @Test func recordsAreKafkas() throws {
        let fixture = try CoordinatorFixture()
        _ = fixture.commit("g", 5)
        fixture.directory.commitNow()
        let partition = OffsetStore.partition(of: "g", count: 3)
        let log = try #require(fixture.directory.topic("__consumer_offsets")).partitions[partition]
        let batches = try log.read(from: 0, bytesMax: 1 << 20).batches
        let record = try #require(try RecordBatch.records(in: batches).first)
        // Key version 1, "g", "events", 0; value version 3, offset 5, no epoch, no metadata.
        #expect(
            record.key?.array
                == [0, 1, 0, 1, 0x67, 0, 6] + Array("events".utf8) + [0, 0, 0, 0])
        #expect(
            record.value?.array.prefix(16)
                == [0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0])
    }

    @Test(arguments: [
        // From Java: Math.abs("…".hashCode()) % 50.
        ("", 0), ("g", 3), ("console-consumer-1", 24), ("varve-search", 21),
        ("polygenelubricants", 0),
    ])
    func partitionIsByJavasHash(group: String, partition: Int) {
        #expect(OffsetStore.partition(of: group, count: 50) == partition)
    }

    @Test func deletedGroupStaysDeleted() throws {
        let fixture = try CoordinatorFixture()
        _ = fixture.commit("g", 5)
        fixture.directory.commitNow()
        let answer = fixture.delete("g")
        fixture.directory.commitNow()
        #expect(answer.value == ErrorCode.none)
        #expect(fixture.offset("g") == nil)
        #expect(fixture.delete("g").value == .groupIdNotFound)
        try fixture.restart()
        #expect(fixture.offset("g") == nil)
        #expect(fixture.coordinator.list().isEmpty)
    }

    @Test func groupWithMembersIsNotDeleted() throws {
        let fixture = try CoordinatorFixture()
        _ = try fixture.settle()
        #expect(fixture.delete("g").value == .nonEmptyGroup)
        #expect(fixture.delete("").value == .invalidGroupId)
    }

    @Test func offsetsOfTopicsThatAreReadAreNotDeleted() throws {
        let fixture = try CoordinatorFixture()
        _ = try fixture.directory.createTopic(
            "left", partitions: 1, overrides: [:], now: fixture.clock.wallMilliseconds())
        let member = try fixture.settle()
        _ = fixture.commit("g", 5, by: member)
        _ = fixture.commit("g", 6, topic: "left", by: member)
        fixture.directory.commitNow()
        let answer = Awaited<[ErrorCode]>()
        fixture.coordinator.deleteOffsets("g", [("events", 0), ("left", 0)]) { error, each in
            #expect(error == .none)
            answer.answer(each)
        }
        fixture.directory.commitNow()
        #expect(answer.value == [.groupSubscribedToTopic, .none])
        #expect(fixture.offset("g") == 5)
        #expect(fixture.offset("g", topic: "left") == nil)
        let missing = Awaited<ErrorCode>()
        fixture.coordinator.deleteOffsets("none", [("events", 0)]) { error, _ in
            missing.answer(error)
        }
        #expect(missing.value == .groupIdNotFound)
    }

    @Test func offsetsGoWithTheirTopic() throws {
        let fixture = try CoordinatorFixture()
        _ = fixture.commit("g", 5)
        _ = fixture.commit("g", 5, partition: 4)
        fixture.directory.commitNow()
        fixture.coordinator.topicDeleted("events")
        fixture.directory.commitNow()
        #expect(fixture.offset("g") == nil)
        try fixture.restart()
        #expect(fixture.offset("g", partition: 4) == nil)
    }

    @Test func offsetsOfATopicThatIsGoneAreForgottenAtTheStart() throws {
        let fixture = try CoordinatorFixture()
        _ = fixture.commit("g", 5)
        fixture.directory.commitNow()
        // As after a crash between the two deletions.
        try fixture.directory.deleteTopic("events")
        try fixture.restart()
        fixture.directory.commitNow()
        _ = try fixture.directory.createTopic(
            "events", partitions: 6, overrides: [:], now: fixture.clock.wallMilliseconds())
        #expect(fixture.offset("g") == nil)
        try fixture.restart()
        #expect(fixture.offset("g") == nil)
    }

    // MARK: Expiry

    @Test func offsetsOfASimpleConsumerExpireAfterTheCommit() throws {
        let fixture = try CoordinatorFixture { $0.offsetsRetention = 60_000 }
        _ = fixture.commit("g", 5)
        fixture.clock.pass(30_000)
        _ = fixture.commit("g", 6, partition: 1)
        fixture.directory.commitNow()
        fixture.clock.pass(30_000)
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        fixture.directory.commitNow()
        #expect(fixture.offset("g") == nil)
        #expect(fixture.offset("g", partition: 1) == 6)
        fixture.clock.pass(30_000)
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        fixture.directory.commitNow()
        #expect(fixture.coordinator.list().isEmpty)
        try fixture.restart()
        #expect(fixture.coordinator.list().isEmpty)
    }

    @Test func offsetsOfAGroupExpireOnlyAfterItBecameEmpty() throws {
        let fixture = try CoordinatorFixture { $0.offsetsRetention = 60_000 }
        let member = try fixture.settle()
        _ = fixture.commit("g", 5, by: member)
        fixture.directory.commitNow()
        fixture.clock.pass(9_000)
        #expect(
            fixture.coordinator.leave("g", [GroupLeaver(memberID: member.memberID)]).members
                == [.none])
        fixture.directory.commitNow()
        fixture.clock.pass(59_000)
        try fixture.restart()
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        #expect(fixture.offset("g") == 5, "the commit is old, the empty group is not")
        fixture.clock.pass(1_000)
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        fixture.directory.commitNow()
        #expect(fixture.offset("g") == nil)
        #expect(fixture.coordinator.describe("g") == nil)
    }

    @Test func offsetsOfALiveGroupExpireForTopicsItNoLongerReads() throws {
        let fixture = try CoordinatorFixture { $0.offsetsRetention = 60_000 }
        _ = try fixture.directory.createTopic(
            "left", partitions: 1, overrides: [:], now: fixture.clock.wallMilliseconds())
        let member = try fixture.settle()
        _ = fixture.commit("g", 5, by: member)
        _ = fixture.commit("g", 6, topic: "left", by: member)
        fixture.directory.commitNow()
        fixture.clock.pass(60_000)
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        fixture.directory.commitNow()
        #expect(fixture.offset("g") == 5)
        #expect(fixture.offset("g", topic: "left") == nil)
    }

    @Test func clientMaySayHowLongItsOffsetsStay() throws {
        let fixture = try CoordinatorFixture { $0.offsetsRetention = 60_000 }
        _ = fixture.commit("g", 5) { $0.retention = 600_000 }
        fixture.directory.commitNow()
        fixture.clock.pass(500_000)
        try fixture.restart()
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        #expect(fixture.offset("g") == 5)
        fixture.clock.pass(100_000)
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        fixture.directory.commitNow()
        #expect(fixture.offset("g") == nil)
    }

    // MARK: Compaction

    @Test func compactionKeepsWhatCountsAndTakesTheRest() throws {
        let fixture = try CoordinatorFixture {
            $0.offsetsPartitions = 1
            $0.offsetsSegmentBytes = 4096
        }
        let member = try fixture.settle("members")
        _ = fixture.commit("gone", 1)
        fixture.directory.commitNow()
        _ = fixture.delete("gone")
        for offset in 0..<400 as Range<Int64> {
            _ = fixture.commit("g", offset)
            if offset % 10 == 0 { fixture.directory.commitNow() }
        }
        fixture.directory.commitNow()
        let log = try #require(fixture.directory.topic("__consumer_offsets")).partitions[0]
        let bytes = log.byteCount
        #expect(try log.compactionNeed(now: fixture.coordinator.time.wall)?.isDue == true)
        let result = try log.compact(now: fixture.coordinator.time.wall, memoryMax: 1 << 20)
        #expect(result.recordsRemoved > 300 && !result.wasCutShort)
        #expect(log.byteCount < bytes / 3)
        try fixture.restart()
        #expect(fixture.offset("g") == 399)
        #expect(fixture.offset("gone") == nil)
        let described = try #require(fixture.coordinator.describe("members"))
        #expect(described.members.map(\.id) == [member.memberID])
        #expect(described.members.map(\.assignment) == ["mine"])
    }
}
