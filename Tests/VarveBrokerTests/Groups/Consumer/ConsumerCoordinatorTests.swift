import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// The consumer protocol through the coordinator: what waits for the disk, what a restart finds,
/// what the other protocol and offsets make of it.
@Suite(.serialized) struct ConsumerCoordinatorTests {
    private typealias Outcome = Result<ConsumerAnswer, ConsumerRefusal>

    private func send(
        _ fixture: CoordinatorFixture, _ memberID: String, _ epoch: Int32, group: String = "g",
        _ change: (inout ConsumerHeartbeat) -> Void = { _ in }
    ) -> Awaited<Outcome> {
        var request = ConsumerHeartbeat()
        request.memberID = memberID
        request.epoch = epoch
        request.clientID = "client"
        if epoch == 0 {
            request.rebalanceTimeout = 10_000
            request.topicNames = ["events"]
            request.owned = []
        }
        change(&request)
        let answer = Awaited<Outcome>()
        fixture.coordinator.beat(group, request) { answer.answer($0) }
        return answer
    }

    private func beat(
        _ fixture: CoordinatorFixture, _ memberID: String, _ epoch: Int32, group: String = "g",
        _ change: (inout ConsumerHeartbeat) -> Void = { _ in }
    ) throws -> ConsumerAnswer {
        let answer = send(fixture, memberID, epoch, group: group, change)
        fixture.directory.commitNow()
        return try #require(answer.value).get()
    }

    private func error(
        _ fixture: CoordinatorFixture, _ memberID: String, _ epoch: Int32, group: String = "g",
        _ change: (inout ConsumerHeartbeat) -> Void = { _ in }
    ) -> ErrorCode? {
        let answer = send(fixture, memberID, epoch, group: group, change)
        fixture.directory.commitNow()
        guard case .failure(let refusal)? = answer.value else { return nil }
        return refusal.error
    }

    private func numbers(_ set: PartitionSet?) -> [Int32]? { set?.map(\.partition).sorted() }

    private func group(_ fixture: CoordinatorFixture, _ id: String = "g") throws -> ConsumerGroup {
        try #require(fixture.coordinator.describeConsumers(id))
    }

    @Test func theFirstMemberGetsEverything() throws {
        let fixture = try CoordinatorFixture()
        let answer = try beat(fixture, "a", 0)
        #expect(answer.epoch == 1 && answer.memberID == "a")
        #expect(numbers(answer.assignment) == [0, 1, 2, 3, 4, 5])
        let again = try beat(fixture, "a", 1)
        #expect(again.epoch == 1 && again.assignment == nil, "nothing is news")
        #expect(try group(fixture).state == .stable)
    }

    @Test func anAnswerWaitsUntilItIsDurable() throws {
        let fixture = try CoordinatorFixture()
        let first = send(fixture, "a", 0)
        #expect(first.value == nil)
        // What changes nothing itself still tells what is not durable yet.
        let second = send(fixture, "a", 1)
        #expect(second.value == nil)
        fixture.directory.commitNow()
        #expect(first.value != nil && second.value != nil)
        #expect(send(fixture, "a", 1).value != nil, "nothing to wait for")
    }

    @Test func partitionsAreHandedOnWhenTheyWereGivenUp() throws {
        let fixture = try CoordinatorFixture()
        let all = try #require(try beat(fixture, "a", 0).assignment)
        let joined = try beat(fixture, "b", 0)
        #expect(joined.epoch == 2 && joined.assignment == [], "they are still a's")
        #expect(try group(fixture).state == .reconciling)

        let kept = try #require(try beat(fixture, "a", 1).assignment)
        #expect(kept.count == 3)
        // Until a says that it gave up, it stays in its epoch and b gets nothing.
        let held = try beat(fixture, "a", 1) { $0.owned = all }
        #expect(held.epoch == 1)
        #expect(try beat(fixture, "b", 2).assignment == nil)
        #expect(fixture.commit(by: ("a", 1)).value == ErrorCode.none)

        let settled = try beat(fixture, "a", 1) { $0.owned = kept }
        #expect(settled.epoch == 2)
        #expect(try beat(fixture, "b", 2).assignment == all.subtracting(kept))
        #expect(try group(fixture).state == .stable)
    }

    @Test func whatWasGivenUpIsNotCommittedLate() throws {
        let fixture = try CoordinatorFixture()
        _ = try beat(fixture, "a", 0)
        _ = try beat(fixture, "b", 0)
        let kept = try #require(try beat(fixture, "a", 1).assignment)
        _ = try beat(fixture, "c", 0)
        // It gave up what b waits for, and owes c something by now: its epoch moves all the same.
        let next = try beat(fixture, "a", 1) { $0.owned = kept }
        #expect(next.epoch == 2)
        let fewer = try #require(next.assignment)
        #expect(fewer.isStrictSubset(of: kept))
        #expect(try group(fixture).members["a"]?.state == .revoking)
        #expect(fixture.commit(by: ("a", 1)).value == .staleMemberEpoch)
        #expect(fixture.commit(by: ("a", 2)).value == ErrorCode.none)
        #expect(try beat(fixture, "a", 2) { $0.owned = fewer }.epoch == 3)
    }

    @Test func aRestartGoesOnWhereItWas() throws {
        let fixture = try CoordinatorFixture()
        let mine = try beat(fixture, "a", 0)
        _ = try beat(fixture, "b", 0)
        let kept = try #require(try beat(fixture, "a", 1).assignment)
        let before = try group(fixture)
        try fixture.restart()
        let after = try group(fixture)
        #expect(after.epoch == before.epoch && after.assignmentEpoch == before.assignmentEpoch)
        #expect(after.owners == before.owners && after.topics == before.topics)
        for (id, member) in before.members {
            let back = try #require(after.members[id])
            #expect(back.epoch == member.epoch && back.state == member.state)
            #expect(back.assigned == member.assigned && back.revoked == member.revoked)
            #expect(back.target == member.target && back.topicNames == member.topicNames)
        }
        // No rebalance, and what was under way goes on.
        #expect(try beat(fixture, "a", 1) { $0.owned = mine.assignment }.epoch == 1)
        #expect(try beat(fixture, "a", 1) { $0.owned = kept }.epoch == 2)
        #expect(try beat(fixture, "b", 2).assignment?.count == 3)
        #expect(try group(fixture).epoch == before.epoch)
        fixture.pass(45_001)
        #expect(try group(fixture).state == .empty, "the sessions ended with nobody there")
    }

    @Test func aSilentMemberIsFenced() throws {
        let fixture = try CoordinatorFixture()
        _ = try beat(fixture, "a", 0)
        fixture.pass(30_000)
        _ = try beat(fixture, "b", 0)
        fixture.pass(20_000)
        fixture.directory.commitNow()
        #expect(try group(fixture).members.keys.sorted() == ["b"])
        let answer = try beat(fixture, "b", 2)
        #expect(answer.epoch == 3 && answer.assignment?.count == 6)
        #expect(error(fixture, "a", 1) == .unknownMemberId)
        try fixture.restart()
        #expect(try group(fixture).members.keys.sorted() == ["b"])
    }

    @Test func aMemberThatKeepsWhatOthersWaitForIsFenced() throws {
        let fixture = try CoordinatorFixture()
        let all = try #require(try beat(fixture, "a", 0).assignment)
        _ = try beat(fixture, "b", 0)
        _ = try beat(fixture, "a", 1)
        fixture.pass(9_000)
        _ = try beat(fixture, "a", 1) { $0.owned = all }
        #expect(try group(fixture).members["a"] != nil)
        fixture.pass(1_001)
        fixture.directory.commitNow()
        #expect(try group(fixture).members["a"] == nil)
        #expect(try beat(fixture, "b", 2).assignment == all)
    }

    @Test func aLostAnswerIsSurvived() throws {
        let fixture = try CoordinatorFixture()
        let all = try #require(try beat(fixture, "a", 0).assignment)
        // The join's answer was lost: the member joins again and has what it was given.
        let again = try beat(fixture, "a", 0)
        #expect(again.epoch == 1 && again.assignment == all)
        _ = try beat(fixture, "b", 0)
        let kept = try #require(try beat(fixture, "a", 1).assignment)
        #expect(try beat(fixture, "a", 1) { $0.owned = kept }.epoch == 2)
        let behind = try beat(fixture, "a", 1) { $0.owned = kept }
        #expect(behind.epoch == 2 && behind.assignment == kept)
        #expect(error(fixture, "a", 1) { $0.owned = all } == .fencedMemberEpoch)
        #expect(error(fixture, "a", 1) == .fencedMemberEpoch)
        #expect(error(fixture, "a", 3) == .fencedMemberEpoch)
    }

    @Test func staticMembersComeBack() throws {
        let fixture = try CoordinatorFixture()
        let mine = try beat(fixture, "a", 0) { $0.instanceID = "one" }
        #expect(error(fixture, "x", 0) { $0.instanceID = "one" } == .unreleasedInstanceId)
        #expect(error(fixture, "x", 1) { $0.instanceID = "one" } == .fencedInstanceId)
        #expect(error(fixture, "x", 1) { $0.instanceID = "two" } == .unknownMemberId)
        #expect(try beat(fixture, "a", -2) { $0.instanceID = "one" }.epoch == -2)
        #expect(try group(fixture).members["a"]?.assigned == mine.assignment)
        #expect(error(fixture, "a", 1) == .fencedMemberEpoch)
        try fixture.restart()
        let back = try beat(fixture, "x", 0) { $0.instanceID = "one" }
        #expect(back.epoch == 1 && back.assignment == mine.assignment, "nothing was rebalanced")
        #expect(try group(fixture).members.keys.sorted() == ["x"])
        #expect(error(fixture, "a", 1) == .unknownMemberId)
        // One that stays away is missed after its session.
        #expect(try beat(fixture, "x", -2) { $0.instanceID = "one" }.epoch == -2)
        fixture.pass(45_001)
        #expect(try group(fixture).members.isEmpty)
    }

    @Test func leavingLetsTheOthersHaveEverything() throws {
        let fixture = try CoordinatorFixture()
        _ = try beat(fixture, "a", 0)
        _ = try beat(fixture, "b", 0)
        #expect(try beat(fixture, "a", -1).epoch == -1)
        #expect(try group(fixture).state == .assigning)
        let answer = try beat(fixture, "b", 2)
        #expect(answer.epoch == 3 && answer.assignment?.count == 6)
        #expect(error(fixture, "a", -1) == .unknownMemberId)
    }

    @Test func topicsThatComeAndGrowAreSeen() throws {
        let fixture = try CoordinatorFixture()
        let first = try beat(fixture, "a", 0) {
            $0.topicNames = ["events"]
            $0.topicPattern = "logs-.*"
        }
        #expect(first.assignment?.count == 6)
        _ = try fixture.directory.createTopic(
            "logs-1", partitions: 2, overrides: [:], now: fixture.clock.wallMilliseconds())
        _ = try fixture.directory.createTopic(
            "other", partitions: 2, overrides: [:], now: fixture.clock.wallMilliseconds())
        #expect(try beat(fixture, "a", 1).epoch == 1, "it is not looked all the time")
        fixture.clock.pass(1_001)
        let second = try beat(fixture, "a", 1)
        #expect(second.epoch == 2 && second.assignment?.count == 8)
        // Internal topics match nothing, not even everything.
        let all = try beat(fixture, "a", 2) { $0.topicPattern = ".*" }
        #expect(all.assignment?.count == 10)
        let none = try beat(fixture, "a", 3) { request in
            request.topicPattern = ""
            request.owned = all.assignment
        }
        #expect(none.assignment?.count == 6)
        #expect(error(fixture, "a", 3) { $0.topicPattern = "(" } == .invalidRegularExpression)
    }

    @Test func aTopicMadeAMomentAgoIsSeenAtOnce() throws {
        let fixture = try CoordinatorFixture()
        _ = try beat(fixture, "a", 0)
        _ = try fixture.directory.createTopic(
            "fresh", partitions: 2, overrides: [:], now: fixture.clock.wallMilliseconds())
        #expect(try beat(fixture, "b", 0) { $0.topicNames = ["fresh"] }.assignment?.count == 2)
    }

    @Test func badRequestsAreRefused() throws {
        let fixture = try CoordinatorFixture { $0.consumers.membersMax = 1 }
        #expect(error(fixture, "", 0) == .invalidRequest)
        #expect(error(fixture, "a", 0, group: "") == .invalidRequest)
        #expect(error(fixture, "a", 0) { $0.owned = nil } == .invalidRequest)
        #expect(error(fixture, "a", 0) { $0.rebalanceTimeout = nil } == .invalidRequest)
        #expect(error(fixture, "a", 0) { $0.topicNames = nil } == .invalidRequest)
        #expect(error(fixture, "a", 0) { $0.instanceID = "" } == .invalidRequest)
        #expect(error(fixture, "a", 0) { $0.rackID = "" } == .invalidRequest)
        #expect(error(fixture, "a", -2) == .invalidRequest)
        #expect(error(fixture, "a", -3) == .invalidRequest)
        #expect(error(fixture, "a", 0) { $0.assignor = "sticky" } == .unsupportedAssignor)
        #expect(
            error(fixture, "a", 0) { request in
                request.topicNames = (0..<40_000).map { "a-topic-with-a-long-name-\($0)" }
            } == .invalidRequest)
        #expect(error(fixture, "a", 1) == .unknownMemberId)
        #expect(fixture.coordinator.list().isEmpty, "none of that made a group")
        _ = try beat(fixture, "a", 0)
        #expect(error(fixture, "b", 0) == .groupMaxSizeReached)
        #expect(try beat(fixture, "a", 0).epoch == 1)
    }

    @Test func assignorsAreVotedFor() throws {
        let fixture = try CoordinatorFixture()
        _ = try beat(fixture, "a", 0)
        #expect(try group(fixture).assignor == .uniform)
        _ = try beat(fixture, "a", 1) { $0.assignor = "range" }
        #expect(try group(fixture).assignor == .range)
        #expect(try group(fixture).epoch == 2)
    }

    // MARK: The two protocols

    @Test func anEmptyGroupTakesEitherProtocolAndKeepsItsOffsets() throws {
        let fixture = try CoordinatorFixture { $0.migration = .disabled }
        let classic = try fixture.settle()
        let committed = fixture.commit("g", 7, by: classic)
        fixture.directory.commitNow()
        #expect(committed.value == ErrorCode.none)
        #expect(error(fixture, "a", 0) == .groupIdNotFound)

        _ = fixture.coordinator.leave("g", [GroupLeaver(memberID: classic.memberID)])
        _ = try beat(fixture, "a", 0)
        #expect(fixture.offset("g") == 7)
        #expect(fixture.coordinator.list().map(\.kind) == [.consumer])
        try fixture.restart()
        #expect(fixture.coordinator.list().map(\.kind) == [.consumer])
        #expect(fixture.offset("g") == 7)

        _ = try beat(fixture, "a", -1)
        let back = try fixture.settle()
        #expect(back.error == .none)
        #expect(fixture.offset("g") == 7)
        #expect(fixture.coordinator.list().map(\.kind) == [.classic])
        try fixture.restart()
        #expect(fixture.coordinator.list().map(\.kind) == [.classic])
        #expect(fixture.coordinator.describe("g")?.members.count == 1)
        #expect(fixture.coordinator.describeConsumers("g") == nil)
    }

    // MARK: Offsets

    @Test func offsetsAreCommittedInTheMembersEpoch() throws {
        let fixture = try CoordinatorFixture()
        _ = try beat(fixture, "a", 0)
        #expect(fixture.commit(by: ("a", 1)).value == ErrorCode.none)
        #expect(fixture.commit(by: ("a", 0)).value == .staleMemberEpoch)
        #expect(fixture.commit(by: ("a", 2)).value == .staleMemberEpoch)
        #expect(fixture.commit(by: ("b", 1)).value == .unknownMemberId)
        #expect(fixture.commit(by: ("", -1)).value == .unknownMemberId)
        #expect(fixture.commit(by: ("a", 1), isOld: true).value == .unsupportedVersion)
        let coordinator = fixture.coordinator
        #expect(coordinator.fetchError("g", memberID: "a", epoch: 1) == nil)
        #expect(coordinator.fetchError("g", memberID: "a", epoch: 0) == .staleMemberEpoch)
        #expect(coordinator.fetchError("g", memberID: "b", epoch: 1) == .unknownMemberId)
        #expect(coordinator.fetchError("g", memberID: nil, epoch: -1) == nil)
        _ = try beat(fixture, "a", -1)
        #expect(fixture.commit(by: ("", -1)).value == ErrorCode.none, "nobody is there")
    }

    @Test func aGroupIsDeletedWhenItIsEmpty() throws {
        let fixture = try CoordinatorFixture()
        _ = try beat(fixture, "a", 0)
        #expect(fixture.commit(by: ("a", 1)).value == ErrorCode.none)
        #expect(fixture.delete("g").value == .nonEmptyGroup)
        let refused = Awaited<[ErrorCode]>()
        fixture.coordinator.deleteOffsets("g", [("events", 0), ("other", 0)]) {
            refused.answer($1)
        }
        #expect(refused.value == [.groupSubscribedToTopic, .none])
        _ = try beat(fixture, "a", -1)
        let deleted = fixture.delete("g")
        fixture.directory.commitNow()
        #expect(deleted.value == ErrorCode.none)
        #expect(fixture.coordinator.list().isEmpty)
        try fixture.restart()
        #expect(fixture.coordinator.list().isEmpty, "nothing of it is left")
    }

    @Test func anEmptyGroupExpiresWithItsOffsets() throws {
        let fixture = try CoordinatorFixture {
            $0.offsetsRetention = 100_000
            $0.consumers.sessionTimeout = 1_000_000
        }
        _ = try beat(fixture, "a", 0)
        #expect(fixture.commit(by: ("a", 1)).value == ErrorCode.none)
        fixture.clock.pass(200_000)
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        #expect(fixture.offset("g") == 0, "it is read")
        _ = try beat(fixture, "a", -1)
        fixture.coordinator.expireOffsets(at: fixture.coordinator.time)
        fixture.directory.commitNow()
        #expect(fixture.coordinator.list().isEmpty)
        try fixture.restart()
        #expect(fixture.coordinator.list().isEmpty)
    }
}

extension CoordinatorFixture {
    /// A commit of a consumer group's member, durable when it was taken.
    func commit(by member: (id: String, epoch: Int32), isOld: Bool = false) -> Awaited<ErrorCode> {
        let answer = commit("g", 0) {
            $0.memberID = member.id
            $0.generation = member.epoch
            $0.knowsMissingGroups = !isOld
        }
        directory.commitNow()
        return answer
    }
}
