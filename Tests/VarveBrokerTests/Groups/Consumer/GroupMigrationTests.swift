import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Groups with members between the classic and the consumer protocol (KIP-848).
@Suite(.serialized) struct GroupMigrationTests {
    // MARK: Verbs

    private func beat(
        _ fixture: CoordinatorFixture, _ memberID: String, _ epoch: Int32,
        _ change: (inout ConsumerHeartbeat) -> Void = { _ in }
    ) -> Result<ConsumerAnswer, ConsumerRefusal>? {
        var request = ConsumerHeartbeat()
        request.memberID = memberID
        request.epoch = epoch
        if epoch == 0 {
            request.rebalanceTimeout = 10_000
            request.topicNames = ["events"]
            request.owned = []
        }
        change(&request)
        let answer = Awaited<Result<ConsumerAnswer, ConsumerRefusal>>()
        fixture.coordinator.beat("g", request) { answer.answer($0) }
        fixture.directory.commitNow()
        return answer.value
    }

    private func error(_ outcome: Result<ConsumerAnswer, ConsumerRefusal>?) -> ErrorCode? {
        guard case .failure(let refusal)? = outcome else { return nil }
        return refusal.error
    }

    private func bytes(_ numbers: [Int32], claimed: Bool = false) throws -> ByteSlice {
        let places = [
            ConsumerSubscription.TopicPartitions {
                $0.topic = "events"
                $0.partitions = numbers
            }
        ]
        if claimed {
            var subscription = ConsumerSubscription()
            subscription.topics = ["events"]
            subscription.ownedPartitions = places
            return try subscription.encoded()
        }
        var assignment = ConsumerAssignment()
        assignment.assignedPartitions = places
        return try assignment.encoded()
    }

    /// A join of a member that has `owned`, and what it is answered.
    private func join(
        _ fixture: CoordinatorFixture, _ memberID: String = "", owned: [Int32] = [],
        instanceID: String? = nil
    ) throws -> JoinAnswer? {
        let metadata = try bytes(owned, claimed: true)
        let answer = fixture.join {
            $0.memberID = memberID
            $0.instanceID = instanceID
            $0.protocols = [GroupProtocol(name: "range", metadata: metadata)]
        }
        fixture.directory.commitNow()
        return answer.value
    }

    private func sync(
        _ fixture: CoordinatorFixture, _ member: JoinAnswer,
        _ assignments: [String: ByteSlice] = [:]
    ) throws -> [Int32] {
        let answer = fixture.sync(member, assignments)
        fixture.directory.commitNow()
        let synced = try #require(answer.value)
        #expect(synced.error == .none)
        let places = try ConsumerAssignment.decode(synced.assignment).assignedPartitions
        return places.flatMap(\.partitions).sorted()
    }

    private func pulse(
        _ fixture: CoordinatorFixture, _ member: JoinAnswer, instanceID: String? = nil
    ) -> ErrorCode {
        fixture.coordinator.heartbeat(
            "g", memberID: member.memberID, instanceID: instanceID, generation: member.generation)
    }

    /// A classic group whose one member has all six partitions, in generation 1.
    private func classic(
        _ fixture: CoordinatorFixture, instanceID: String? = nil
    ) throws -> JoinAnswer {
        let joined = try #require(try join(fixture, instanceID: instanceID))
        let all = try bytes([0, 1, 2, 3, 4, 5])
        #expect(try sync(fixture, joined, [joined.memberID: all]) == [0, 1, 2, 3, 4, 5])
        return joined
    }

    private func kind(_ fixture: CoordinatorFixture) -> String {
        fixture.coordinator.list().map { "\($0.kind.rawValue) \($0.memberCount)" }.joined()
    }

    /// A group of a classic member with half of the partitions and "new" with the others.
    private func mixed(_ fixture: CoordinatorFixture) throws -> (old: JoinAnswer, mine: [Int32]) {
        let first = try classic(fixture)
        #expect(try beat(fixture, "new", 0)?.get().assignment == [])
        #expect(pulse(fixture, first) == .rebalanceInProgress)
        let old = try #require(try join(fixture, first.memberID))
        let mine = try sync(fixture, old)
        #expect(try beat(fixture, "new", 2)?.get().assignment?.count == 3)
        return (old, mine)
    }

    // MARK: Upgrade

    @Test func classicMembersStayInTheGroupThatIsConverted() throws {
        let fixture = try CoordinatorFixture()
        let first = try classic(fixture)
        let committed = fixture.commit("g", 7, by: first)
        fixture.directory.commitNow()
        #expect(committed.value == ErrorCode.none)

        let joined = try beat(fixture, "new", 0)?.get()
        #expect(joined?.epoch == 2 && joined?.assignment == [], "all is the other's")
        #expect(kind(fixture) == "consumer 2")
        #expect(fixture.offset("g") == 7)
        #expect(fixture.commit("g", 8, by: first).value == nil, "it may commit what it read")
        fixture.directory.commitNow()
        #expect(fixture.offset("g") == 8)
        #expect(pulse(fixture, first) == .rebalanceInProgress)
        #expect(fixture.sync(first).value?.error == .rebalanceInProgress)

        // An eager member comes with nothing.
        let old = try #require(try join(fixture, first.memberID))
        #expect(old.generation == 2 && old.leader == "" && old.members.isEmpty)
        #expect(old.protocolName == "range" && old.protocolType == "consumer")
        #expect(pulse(fixture, first) == .illegalGeneration)
        let stale = fixture.commit("g", 9, by: first)
        #expect(stale.value == .illegalGeneration)
        let mine = try sync(fixture, old)
        #expect(mine.count == 3)
        let others = try beat(fixture, "new", 2)?.get().assignment?.map(\.partition)
        #expect(try #require(others).sorted() == [0, 1, 2, 3, 4, 5].filter { !mine.contains($0) })
        #expect(pulse(fixture, old) == .none)

        try fixture.restart()
        #expect(kind(fixture) == "consumer 2")
        #expect(pulse(fixture, old) == .none)
        #expect(try sync(fixture, old) == mine)
        #expect(try beat(fixture, "new", 2)?.get().epoch == 2)
        #expect(fixture.offset("g") == 8)
    }

    @Test func whatACooperativeMemberHasIsNobodysUntilItGaveItUp() throws {
        let fixture = try CoordinatorFixture()
        let first = try classic(fixture)
        _ = beat(fixture, "new", 0)
        let told = try #require(try join(fixture, first.memberID, owned: [0, 1, 2, 3, 4, 5]))
        #expect(told.generation == 1, "it is not there yet")
        let kept = try sync(fixture, told)
        #expect(kept.count == 3)
        #expect(try beat(fixture, "new", 2)?.get().assignment == nil)
        #expect(pulse(fixture, told) == .rebalanceInProgress)
        let settled = try #require(try join(fixture, first.memberID, owned: kept))
        #expect(settled.generation == 2)
        #expect(try sync(fixture, settled) == kept)
        #expect(try beat(fixture, "new", 2)?.get().assignment?.count == 3)
        #expect(pulse(fixture, settled) == .none)
    }

    @Test func whatAMemberMayNotHaveGivenUpYetIsStillItsOwn() throws {
        let fixture = try CoordinatorFixture()
        let first = try classic(fixture)
        let again = try #require(
            try join(fixture, first.memberID, owned: [0, 1, 2, 3, 4, 5]))
        // The leader takes two from it; nobody has heard that it let them go.
        #expect(try sync(fixture, again, [again.memberID: try bytes([0, 1, 2, 3])]).count == 4)
        #expect(try beat(fixture, "new", 0)?.get().assignment == [])
    }

    @Test func aJoinThatWaitsIsAnsweredByTheGroupItWaitsFor() throws {
        let fixture = try CoordinatorFixture()
        let first = try classic(fixture)
        let metadata = try bytes([], claimed: true)
        let waiting = fixture.join {
            $0.protocols = [GroupProtocol(name: "range", metadata: metadata)]
        }
        #expect(waiting.value == nil)
        _ = beat(fixture, "new", 0)
        let second = try #require(waiting.value)
        #expect(second.error == .none && second.generation == 3)
        #expect(kind(fixture) == "consumer 3")
        #expect(try sync(fixture, second) == [], "all is the first one's yet")
        let old = try #require(try join(fixture, first.memberID))
        #expect(try sync(fixture, old).count == 2)
        // What it waited for is free.
        #expect(pulse(fixture, second) == .rebalanceInProgress)
        let again = try #require(try join(fixture, second.memberID))
        #expect(try sync(fixture, again).count == 2)
        #expect(pulse(fixture, again) == .none)
    }

    @Test(arguments: [GroupMigrationPolicy.disabled, .downgrade])
    func aPolicyKeepsAGroupClassic(policy: GroupMigrationPolicy) throws {
        let fixture = try CoordinatorFixture { $0.migration = policy }
        let first = try classic(fixture)
        #expect(error(beat(fixture, "new", 0)) == .groupIdNotFound)
        #expect(kind(fixture) == "classic 1")
        #expect(pulse(fixture, first) == .none)
    }

    @Test func onlyConsumersThatCanBeReadAreConverted() throws {
        let fixture = try CoordinatorFixture()
        // Its assignment is none of a consumer's.
        let odd = try fixture.settle()
        #expect(error(beat(fixture, "new", 0)) == .groupIdNotFound)
        #expect(pulse(fixture, odd) == .none)
        let connect = try CoordinatorFixture()
        let worker = connect.join { $0.protocolType = "connect" }.value
        let synced = connect.sync(try #require(worker))
        connect.directory.commitNow()
        #expect(synced.value?.error == ErrorCode.none)
        #expect(error(beat(connect, "new", 0)) == .groupIdNotFound)
        // Nor may anything else join a consumer group.
        let consumers = try CoordinatorFixture()
        _ = beat(consumers, "new", 0)
        #expect(
            consumers.join { $0.protocolType = "connect" }.value?.error
                == .inconsistentGroupProtocol)
        #expect(
            consumers.join { $0.protocols[0] = GroupProtocol(name: "range", metadata: "") }
                .value?.error == .inconsistentGroupProtocol)
    }

    @Test func classicMembersJoinAConsumerGroup() throws {
        let fixture = try CoordinatorFixture { $0.migration = .disabled }
        _ = beat(fixture, "new", 0)
        let asked = fixture.join { $0.requiresKnownMemberID = true }.value
        #expect(asked?.error == .memberIdRequired)
        let id = try #require(asked?.memberID)
        let one = try #require(try join(fixture, id))
        #expect(one.generation == 2 && one.memberID == id)
        #expect(try sync(fixture, one) == [])
        #expect(try beat(fixture, "new", 1)?.get().assignment?.count == 3)
        #expect(pulse(fixture, one) == .none, "the other has not given up yet")
        let kept = try #require(fixture.coordinator.describeConsumers("g")?.members["new"])
        _ = beat(fixture, "new", 1) { $0.owned = kept.assigned }
        #expect(pulse(fixture, one) == .rebalanceInProgress)
        let again = try #require(try join(fixture, id))
        #expect(try sync(fixture, again).count == 3)

        // A protocol that not all of the classic members have would keep them from a classic group.
        let metadata = try bytes([], claimed: true)
        let other = fixture.join {
            $0.protocols = [GroupProtocol(name: "other", metadata: metadata)]
        }
        #expect(other.value?.error == .inconsistentGroupProtocol)
        // One that we forgot, and that goes on with what it had, starts anew.
        #expect(try join(fixture, "forgotten", owned: [1])?.error == .unknownMemberId)
        #expect(try join(fixture, id, owned: [0, 1, 2, 3, 4, 5])?.error == .unknownMemberId)
        #expect(pulse(fixture, again) == .unknownMemberId)
    }

    // MARK: Time

    @Test func classicMembersAreFencedWhenTheyAreSilentOrLate() throws {
        let fixture = try CoordinatorFixture { $0.migration = .upgrade }
        let (old, _) = try mixed(fixture)
        // Its own session, of 10 s, and not the group's counts.
        fixture.pass(9_000)
        #expect(pulse(fixture, old) == .none)
        fixture.pass(9_000)
        #expect(kind(fixture) == "consumer 2")
        fixture.pass(1_000)
        #expect(kind(fixture) == "consumer 1")
        #expect(pulse(fixture, old) == .unknownMemberId)

        // One that beats and does not do what it is told holds the others up only for so long.
        let late = try #require(try join(fixture))
        for _ in 0..<7 {
            fixture.pass(8_000)
            _ = pulse(fixture, late)
            _ = beat(fixture, "new", try #require(fixture.epoch(of: "new")))
        }
        #expect(kind(fixture) == "consumer 2", "it has 60 s to ask for its assignment")
        fixture.pass(8_000)
        #expect(pulse(fixture, late) == .unknownMemberId)
    }

    @Test func aHeartbeatSeesThatATopicGrows() throws {
        let fixture = try CoordinatorFixture { $0.migration = .upgrade }
        let (old, _) = try mixed(fixture)
        _ = beat(fixture, "new", -1)
        #expect(kind(fixture) == "consumer 1", "it may not go back")
        let alone = try #require(try join(fixture, old.memberID))
        #expect(try sync(fixture, alone).count == 6)
        #expect(pulse(fixture, alone) == .none)
        try fixture.directory.addPartitions("events", total: 8)
        fixture.pass(1_100)
        #expect(pulse(fixture, alone) == .rebalanceInProgress)
        let again = try #require(try join(fixture, old.memberID))
        #expect(try sync(fixture, again).count == 8)
    }

    // MARK: Downgrade

    @Test(arguments: [false, true])
    func aGroupIsClassicAgainWhenTheLastOfTheOthersIsGone(isFenced: Bool) throws {
        let fixture = try CoordinatorFixture()
        let (old, _) = try mixed(fixture)
        let committed = fixture.commit("g", 5, by: old)
        fixture.directory.commitNow()
        #expect(committed.value == ErrorCode.none)
        if isFenced {
            for _ in 0..<5 {
                fixture.pass(9_000)
                _ = pulse(fixture, old)
            }
        } else {
            #expect(try beat(fixture, "new", -1)?.get().epoch == -1)
        }
        #expect(kind(fixture) == "classic 1")
        fixture.directory.commitNow()

        // A restart finds a group that has not agreed on anything yet.
        for _ in 0..<2 {
            #expect(fixture.coordinator.describe("g")?.state == .preparingRebalance)
            #expect(pulse(fixture, old) == .rebalanceInProgress)
            #expect(fixture.offset("g") == 5)
            try fixture.restart()
        }
        let leader = try #require(try join(fixture, old.memberID))
        #expect(leader.generation == 3 && leader.leader == leader.memberID)
        let all = try bytes([0, 1, 2, 3, 4, 5])
        #expect(try sync(fixture, leader, [leader.memberID: all]).count == 6)
        try fixture.restart()
        #expect(fixture.coordinator.describe("g")?.state == .stable)
        #expect(fixture.coordinator.describeConsumers("g") == nil)
        #expect(pulse(fixture, leader) == .none)
        // And up again, from what it says now.
        #expect(try beat(fixture, "newer", 0)?.get().epoch == 4)
        #expect(fixture.coordinator.describeConsumers("g")?.members.count == 2)
    }

    @Test func membersLeaveOneByOne() throws {
        let fixture = try CoordinatorFixture()
        let (old, _) = try mixed(fixture)
        let answer = fixture.coordinator.leave(
            "g", [GroupLeaver(memberID: old.memberID), GroupLeaver(memberID: "new")])
        #expect(answer.members == [.none, .unknownMemberId], "the other has its own way to leave")
        #expect(kind(fixture) == "consumer 1")
        #expect(try beat(fixture, "new", 2)?.get().assignment?.count == 6)
        fixture.directory.commitNow()
        try fixture.restart()
        #expect(kind(fixture) == "consumer 1")
    }

    // MARK: Static members

    @Test func aStaticMemberChangesItsProtocol() throws {
        let fixture = try CoordinatorFixture()
        let first = try classic(fixture, instanceID: "i")
        // It does not say that it goes, and comes back as another: all is its own at once.
        let upgraded = try beat(fixture, "new", 0) { $0.instanceID = "i" }?.get()
        #expect(upgraded?.assignment?.count == 6)
        #expect(kind(fixture) == "consumer 1")
        #expect(pulse(fixture, first, instanceID: "i") == .fencedInstanceId)
        #expect(
            error(beat(fixture, "newer", 0) { $0.instanceID = "i" }) == .unreleasedInstanceId)

        _ = beat(fixture, "new", -2) { $0.instanceID = "i" }
        let back = try #require(try join(fixture, instanceID: "i"))
        #expect(back.error == .none)
        #expect(kind(fixture) == "classic 1")
        #expect(pulse(fixture, back, instanceID: "i") == .rebalanceInProgress)
        let leader = try #require(try join(fixture, back.memberID, instanceID: "i"))
        #expect(leader.leader == back.memberID)
        try fixture.restart()
        #expect(kind(fixture) == "classic 1")
    }
}

extension CoordinatorFixture {
    fileprivate func epoch(of memberID: String) -> Int32? {
        coordinator.describeConsumers("g")?.members[memberID]?.epoch
    }
}
