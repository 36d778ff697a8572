import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

@Suite struct GroupJoinTests {
    @Test func firstRebalanceWaitsForTheInitialDelay() {
        var driver = GroupDriver()
        let ticket = driver.join()
        driver.pass(2_999)
        #expect(driver.joins[ticket] == nil)
        driver.pass(1)
        #expect(driver.joins[ticket]?.generation == 1)
    }

    @Test func initialDelayIsProlongedWhileMembersCome() {
        var driver = GroupDriver()
        let first = driver.join { $0.rebalanceTimeout = 7_000 }
        for _ in 0..<2 {
            driver.pass(2_000)
            _ = driver.join { $0.rebalanceTimeout = 7_000 }
        }
        driver.pass(2_500)
        #expect(driver.joins[first] == nil)
        driver.pass(500)
        #expect(driver.joins[first] != nil, "never longer than the rebalance timeout")
        #expect(driver.group.members.count == 3)
    }

    @Test func withoutInitialDelayTheFirstJoinIsAnsweredAtOnce() {
        var limits = GroupLimits()
        limits.initialRebalanceDelay = 0
        var driver = GroupDriver(limits: limits)
        #expect(driver.joins[driver.join()]?.generation == 1)
    }

    @Test func newMembersMustComeBackWithTheirID() {
        var driver = GroupDriver()
        let first = driver.join { $0.requiresKnownMemberID = true }
        let answer = driver.joins[first]!
        #expect(answer.error == .memberIdRequired)
        #expect(!answer.memberID.isEmpty)
        #expect(driver.group.members.isEmpty)
        let second = driver.join {
            $0.requiresKnownMemberID = true
            $0.memberID = answer.memberID
        }
        driver.pass(3_000)
        #expect(driver.joins[second]?.memberID == answer.memberID)
        #expect(driver.joins[second]?.error == ErrorCode.none)
    }

    @Test func pendingIDIsForgottenAfterTheSessionTimeout() {
        var driver = GroupDriver()
        let first = driver.join {
            $0.requiresKnownMemberID = true
            $0.sessionTimeout = 6_000
        }
        let id = driver.joins[first]!.memberID
        driver.pass(6_000)
        #expect(driver.group.isDeserted)
        #expect(driver.joins[driver.join { $0.memberID = id }]?.error == .unknownMemberId)
    }

    @Test func pendingIDHoldsUpARebalanceUntilItComesOrIsForgotten() {
        var driver = GroupDriver()
        let ids = driver.settle(1)
        _ = driver.join {
            $0.requiresKnownMemberID = true
            $0.sessionTimeout = 6_000
        }
        #expect(driver.group.state == .stable, "an id alone is no member")
        let rejoin = driver.join { $0.memberID = ids[0] }
        driver.pass(5_999)
        #expect(driver.joins[rejoin] == nil)
        driver.pass(1)
        #expect(driver.joins[rejoin]?.error == ErrorCode.none)
    }

    @Test func pendingIDsAreBounded() {
        var limits = GroupLimits()
        limits.pendingMembersMax = 3
        var driver = GroupDriver(limits: limits)
        let errors = (0..<4).map { _ in
            driver.joins[driver.join { $0.requiresKnownMemberID = true }]!.error
        }
        #expect(errors.dropLast().allSatisfy { $0 == .memberIdRequired })
        #expect(errors.last == .groupMaxSizeReached)
    }

    @Test func protocolIsTheOneMostLikeAmongThoseAllSupport() {
        func offers(_ names: String...) -> [GroupProtocol] {
            names.map { GroupProtocol(name: $0, metadata: ByteSlice($0)) }
        }
        var driver = GroupDriver()
        let first = driver.join { $0.protocols = offers("only-here", "a", "b") }
        _ = driver.join { $0.protocols = offers("b", "a") }
        _ = driver.join { $0.protocols = offers("b", "a") }
        driver.gather()
        let answer = driver.joins[first]!
        #expect(answer.protocolName == "b")
        #expect(answer.members.map(\.metadata) == ["b", "b", "b"])
    }

    @Test func memberWithoutACommonProtocolIsRefused() {
        var driver = GroupDriver()
        let ids = driver.settle(2)
        for change in [
            { $0.protocols = [GroupProtocol(name: "other", metadata: "")] },
            { $0.protocolType = "connect" },
            { $0.protocols = [] },
        ] as [(inout GroupJoin) -> Void] {
            #expect(driver.joins[driver.join(change)]?.error == .inconsistentGroupProtocol)
        }
        #expect(driver.group.state == .stable)
        #expect(driver.heartbeat(ids[0]) == .none)
    }

    @Test func emptyGroupRefusesJoinsWithoutProtocol() {
        var driver = GroupDriver()
        #expect(
            driver.joins[driver.join { $0.protocols = [] }]?.error == .inconsistentGroupProtocol)
        #expect(
            driver.joins[driver.join { $0.protocolType = "" }]?.error == .inconsistentGroupProtocol)
    }

    @Test func groupTakesNoMoreThanItsMaximum() {
        var limits = GroupLimits()
        limits.membersMax = 2
        var driver = GroupDriver(limits: limits)
        let ids = driver.settle(2)
        #expect(driver.joins[driver.join()]?.error == .groupMaxSizeReached)
        #expect(driver.group.state == .stable)
        _ = driver.join { $0.memberID = ids[0] }
        let second = driver.join { $0.memberID = ids[1] }
        #expect(driver.joins[second]?.error == ErrorCode.none)
    }

    @Test func aJoinThatIsSentAgainReplacesTheParkedOne() {
        var driver = GroupDriver()
        let ids = driver.settle(2)
        let first = driver.join { $0.memberID = ids[0] }
        let second = driver.join { $0.memberID = ids[0] }
        #expect(driver.joins[first]?.error == .rebalanceInProgress)
        #expect(driver.joins[second] == nil)
    }

    @Test func membersThatDoNotRejoinAreDropped() {
        var driver = GroupDriver()
        let ids = driver.settle(3) { $0.rebalanceTimeout = 8_000 }
        let rejoin = driver.join {
            $0.memberID = ids[1]
            $0.rebalanceTimeout = 8_000
            $0.protocols = [GroupProtocol(name: "range", metadata: "more")]
        }
        driver.pass(7_000)
        // Beating is not enough: the rebalance asks them to join.
        #expect(driver.heartbeat(ids[0]) == .rebalanceInProgress)
        #expect(driver.heartbeat(ids[2]) == .rebalanceInProgress)
        driver.pass(1_000)
        let answer = driver.joins[rejoin]!
        #expect(answer.members.map(\.id) == [ids[1]])
        #expect(answer.leader == ids[1], "the leader did not come back")
        #expect(driver.heartbeat(ids[0]) == .unknownMemberId)
    }
}

@Suite struct GroupSyncTests {
    @Test func followersWaitForTheLeadersDurableAssignment() {
        var driver = GroupDriver()
        driver.storesAtOnce = false
        let tickets = [driver.join(), driver.join()]
        driver.gather()
        let ids = tickets.map { driver.joins[$0]!.memberID }
        let follower = driver.sync(ids[1])
        let leader = driver.sync(ids[0], [ids[0]: "zero", ids[1]: "one", "stranger": "x"])
        #expect(driver.syncs.isEmpty)
        #expect(driver.stores[0].snapshot.members.map(\.assignment) == ["zero", "one"])
        #expect(driver.group.state == .completingRebalance)
        driver.confirm()
        #expect(driver.syncs[leader]?.assignment == "zero")
        #expect(driver.syncs[follower]?.assignment == "one")
        #expect(driver.group.state == .stable)
    }

    @Test func assignmentThatCannotBeStoredIsHandedToNobody() {
        var driver = GroupDriver()
        driver.storesAtOnce = false
        let tickets = [driver.join(), driver.join()]
        driver.gather()
        let ids = tickets.map { driver.joins[$0]!.memberID }
        let syncs = [driver.sync(ids[1]), driver.sync(ids[0], [ids[0]: "zero"])]
        driver.confirm(.notCoordinator)
        #expect(syncs.map { driver.syncs[$0]?.error } == [.notCoordinator, .notCoordinator])
        #expect(driver.group.state == .preparingRebalance)
    }

    @Test func assignmentStoredTooLateIsHandedToNobody() {
        var driver = GroupDriver()
        driver.storesAtOnce = false
        let tickets = [driver.join(), driver.join()]
        driver.gather()
        let ids = tickets.map { driver.joins[$0]!.memberID }
        let leader = driver.sync(ids[0], [ids[0]: "old"])
        _ = driver.join()
        #expect(driver.syncs[leader]?.error == .rebalanceInProgress)
        driver.confirm()
        #expect(driver.group.state == .preparingRebalance)
        #expect(driver.group.members[ids[0]]?.assignment == ByteSlice())
    }

    @Test func membersThatNeverSyncAreDropped() {
        var driver = GroupDriver()
        let tickets = (0..<3).map { _ in
            driver.join {
                $0.rebalanceTimeout = 5_000
                $0.sessionTimeout = 30_000
            }
        }
        driver.gather()
        let ids = tickets.map { driver.joins[$0]!.memberID }
        let parked = driver.sync(ids[1])
        driver.pass(5_000)
        #expect(driver.syncs[parked]?.error == .rebalanceInProgress)
        #expect(driver.group.members.keys.sorted() == [ids[1]])
    }

    @Test func syncWithAnotherProtocolIsRefused() {
        var driver = GroupDriver()
        let ids = driver.settle(1)
        let type = driver.sync(ids[0]) { $0.protocolType = "connect" }
        let name = driver.sync(ids[0]) { $0.protocolName = "roundrobin" }
        let same = driver.sync(ids[0]) {
            $0.protocolType = "consumer"
            $0.protocolName = "range"
        }
        #expect(driver.syncs[type]?.error == .inconsistentGroupProtocol)
        #expect(driver.syncs[name]?.error == .inconsistentGroupProtocol)
        #expect(driver.syncs[same]?.error == ErrorCode.none)
    }

    @Test func leaderMayLeaveMembersWithoutAssignment() {
        var driver = GroupDriver()
        let tickets = [driver.join(), driver.join()]
        driver.gather()
        let ids = tickets.map { driver.joins[$0]!.memberID }
        _ = driver.sync(ids[0], [:])
        let late = driver.sync(ids[1])
        #expect(driver.syncs[late]?.assignment == ByteSlice())
        #expect(driver.syncs[late]?.error == ErrorCode.none)
    }
}

@Suite struct GroupMembershipTests {
    @Test func silentMembersAreDroppedAfterTheirSession() {
        var driver = GroupDriver()
        let ids = driver.settle(2) { $0.sessionTimeout = 6_000 }
        driver.pass(5_000)
        #expect(driver.heartbeat(ids[0]) == .none)
        driver.pass(1_000)
        #expect(driver.group.state == .preparingRebalance)
        #expect(driver.heartbeat(ids[1]) == .unknownMemberId)
        #expect(driver.heartbeat(ids[0]) == .rebalanceInProgress)
    }

    @Test func commitsProlongTheSession() {
        var driver = GroupDriver()
        let ids = driver.settle(1) { $0.sessionTimeout = 6_000 }
        for _ in 0..<4 {
            driver.pass(5_000)
            #expect(driver.commit(ids[0]) == nil)
        }
        #expect(driver.group.state == .stable)
    }

    @Test func parkedMembersNeedNotBeat() {
        var driver = GroupDriver()
        let ids = driver.settle(2) {
            $0.sessionTimeout = 6_000
            $0.rebalanceTimeout = 60_000
        }
        _ = driver.join {
            $0.memberID = ids[0]
            $0.rebalanceTimeout = 60_000
        }
        for _ in 0..<5 {
            driver.pass(5_000)
            #expect(driver.heartbeat(ids[1]) == .rebalanceInProgress)
        }
        #expect(driver.group.members[ids[0]] != nil)
    }

    @Test func newMemberThatIsNeverAnsweredIsDroppedInTheEnd() {
        var driver = GroupDriver()
        let ids = driver.settle(1) {
            $0.rebalanceTimeout = 1_000_000
            $0.sessionTimeout = 10_000
        }
        let ticket = driver.join()
        for _ in 0..<60 {
            driver.pass(5_000)
            _ = driver.heartbeat(ids[0])
        }
        #expect(driver.joins[ticket]?.error == .unknownMemberId)
        #expect(driver.group.members.count == 1)
    }

    @Test func lastMemberToLeaveEmptiesTheGroup() {
        var driver = GroupDriver()
        driver.storesAtOnce = true
        let ids = driver.settle(2)
        let generation = driver.group.generation
        #expect(
            driver.leave(GroupLeaver(memberID: ids[0]), GroupLeaver(memberID: ids[1]))
                == [.none, .none])
        #expect(driver.group.state == .empty)
        #expect(driver.group.generation == generation + 1)
        #expect(driver.group.leader == nil)
        #expect(driver.commit("", generation: -1) == nil)
    }

    @Test func leaveAnswersForEachMember() {
        var driver = GroupDriver()
        let ids = driver.settle(1) { $0.instanceID = "i" }
        _ = driver.join { $0.requiresKnownMemberID = true }
        let pending = driver.group.pendingMembers.keys.first!
        let answers = driver.leave(
            GroupLeaver(memberID: "stranger"), GroupLeaver(memberID: pending),
            GroupLeaver(memberID: "old", instanceID: "i"),
            GroupLeaver(memberID: "", instanceID: "unknown"),
            GroupLeaver(memberID: "", instanceID: "i"), GroupLeaver(memberID: ids[0]))
        #expect(
            answers == [
                .unknownMemberId, .none, .fencedInstanceId, .unknownMemberId, .none,
                .unknownMemberId,
            ])
        #expect(driver.group.state == .empty)
    }

    @Test func parkedRequestsOfALeavingMemberAreAnswered() {
        var driver = GroupDriver()
        let tickets = [driver.join(), driver.join()]
        driver.gather()
        let ids = tickets.map { driver.joins[$0]!.memberID }
        let parked = driver.sync(ids[1])
        _ = driver.leave(GroupLeaver(memberID: ids[1]))
        #expect(driver.syncs[parked]?.error == .unknownMemberId)
    }

    @Test func killAnswersEverythingThatIsParked() {
        var driver = GroupDriver()
        let ids = driver.settle(2)
        let rejoin = driver.join { $0.memberID = ids[0] }
        var effects: [GroupEffect] = []
        driver.group.kill(.notCoordinator, at: driver.time, into: &effects)
        driver.take(effects)
        #expect(driver.joins[rejoin]?.error == .notCoordinator)
        #expect(driver.group.nextDeadline == nil)
    }
}
