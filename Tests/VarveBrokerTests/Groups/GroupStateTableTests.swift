import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// The table at `GroupState`, cell by cell.
@Suite struct GroupStateTableTests {
    /// A group in `state`; `ids` are its members, the leader first.
    private func driver(in state: GroupState) -> (GroupDriver, ids: [String]) {
        var driver = GroupDriver()
        switch state {
        case .empty:
            return (driver, ["nobody", "nobody"])
        case .dead:
            let ids = driver.settle(2)
            var effects: [GroupEffect] = []
            driver.group.kill(.coordinatorNotAvailable, at: driver.time, into: &effects)
            driver.take(effects)
            return (driver, ids)
        case .stable:
            let ids = driver.settle(2)
            return (driver, ids)
        case .preparingRebalance:
            let ids = driver.settle(2)
            _ = driver.join { $0.memberID = ids[0] }
            #expect(driver.group.state == .preparingRebalance)
            return (driver, ids)
        case .completingRebalance:
            let tickets = [driver.join(), driver.join()]
            driver.gather()
            #expect(driver.group.state == .completingRebalance)
            return (driver, tickets.map { driver.joins[$0]!.memberID })
        }
    }

    @Test(arguments: [
        (GroupState.empty, ErrorCode.unknownMemberId),
        (.preparingRebalance, .rebalanceInProgress),
        (.completingRebalance, .none),
        (.stable, .none),
        (.dead, .coordinatorNotAvailable),
    ])
    func heartbeatAnswers(state: GroupState, error: ErrorCode) {
        var (driver, ids) = driver(in: state)
        #expect(driver.heartbeat(ids[1]) == error)
    }

    @Test(arguments: [
        (GroupState.empty, ErrorCode?.some(.unknownMemberId)),
        (.preparingRebalance, .rebalanceInProgress),
        (.completingRebalance, nil),
        (.stable, ErrorCode.none),
        (.dead, .coordinatorNotAvailable),
    ])
    func followersSyncAnswers(state: GroupState, error: ErrorCode?) {
        var (driver, ids) = driver(in: state)
        let ticket = driver.sync(ids[1])
        #expect(driver.syncs[ticket]?.error == error)
        if state == .stable { #expect(driver.syncs[ticket]?.assignment == ByteSlice(ids[1])) }
    }

    @Test(arguments: [
        (GroupState.empty, ErrorCode?.some(.unknownMemberId)),
        (.preparingRebalance, nil),
        (.completingRebalance, .rebalanceInProgress),
        (.stable, nil),
        (.dead, .coordinatorNotAvailable),
    ])
    func membersCommitAnswers(state: GroupState, error: ErrorCode?) {
        var (driver, ids) = driver(in: state)
        #expect(driver.commit(ids[1]) == error)
    }

    @Test(arguments: [
        (GroupState.empty, ErrorCode?.none),
        (.preparingRebalance, .unknownMemberId),
        (.completingRebalance, .unknownMemberId),
        (.stable, .unknownMemberId),
        (.dead, .coordinatorNotAvailable),
    ])
    func commitFromOutsideTheGroupAnswers(state: GroupState, error: ErrorCode?) {
        var (driver, _) = driver(in: state)
        #expect(driver.commit("", generation: -1) == error)
    }

    @Test func commitOfAnotherGenerationIsIllegal() {
        var (driver, ids) = driver(in: .stable)
        let generation = driver.group.generation
        #expect(driver.commit(ids[1], generation: generation - 1) == .illegalGeneration)
        #expect(driver.commit(ids[1], generation: generation + 1) == .illegalGeneration)
        #expect(driver.heartbeat(ids[1], generation: 0) == .illegalGeneration)
        #expect(driver.syncs[driver.sync(ids[1], generation: 0)]?.error == .illegalGeneration)
    }

    @Test func joinOfANewMemberStartsARebalance() {
        for state in [GroupState.empty, .completingRebalance, .stable] {
            var (driver, _) = driver(in: state)
            let ticket = driver.join()
            #expect(driver.group.state == .preparingRebalance)
            #expect(driver.joins[ticket] == nil)
        }
    }

    @Test func joinOfAnUnknownMemberIsRefused() {
        for state in [GroupState.empty, .preparingRebalance, .completingRebalance, .stable] {
            var (driver, _) = driver(in: state)
            let ticket = driver.join { $0.memberID = "stranger" }
            #expect(driver.joins[ticket]?.error == .unknownMemberId)
            #expect(driver.group.state == state)
        }
    }

    @Test func joinOfADeadGroupIsRefused() {
        var (driver, ids) = driver(in: .dead)
        for id in [ids[0], ""] {
            let ticket = driver.join { $0.memberID = id }
            #expect(driver.joins[ticket]?.error == .coordinatorNotAvailable)
        }
    }

    @Test func joinIsParkedUntilAllMembersJoined() {
        var (driver, ids) = driver(in: .preparingRebalance)
        let before = driver.group.generation
        let ticket = driver.join { $0.memberID = ids[1] }
        #expect(driver.joins[ticket]?.error == ErrorCode.none)
        #expect(driver.joins[ticket]?.generation == before + 1)
        #expect(driver.group.state == .completingRebalance)
    }

    @Test func joinAgainInCompletingRebalanceGetsTheGeneration() {
        var (driver, ids) = driver(in: .completingRebalance)
        let leader = driver.join { $0.memberID = ids[0] }
        #expect(driver.joins[leader]?.error == ErrorCode.none)
        #expect(driver.joins[leader]?.members.count == 2)
        let follower = driver.join { $0.memberID = ids[1] }
        #expect(driver.joins[follower]?.leader == ids[0])
        #expect(driver.joins[follower]?.members.isEmpty == true)
        #expect(driver.group.state == .completingRebalance)
    }

    @Test func joinWithOtherMetadataInCompletingRebalanceRebalances() {
        var (driver, ids) = driver(in: .completingRebalance)
        _ = driver.join {
            $0.memberID = ids[1]
            $0.protocols = [GroupProtocol(name: "range", metadata: "other")]
        }
        #expect(driver.group.state == .preparingRebalance)
    }

    @Test func joinOfTheLeaderInStableRebalances() {
        var (driver, ids) = driver(in: .stable)
        _ = driver.join { $0.memberID = ids[0] }
        #expect(driver.group.state == .preparingRebalance)
    }

    @Test func joinOfAnUnchangedFollowerInStableGetsTheGeneration() {
        var (driver, ids) = driver(in: .stable)
        let ticket = driver.join { $0.memberID = ids[1] }
        #expect(driver.joins[ticket]?.generation == driver.group.generation)
        #expect(driver.group.state == .stable)
        _ = driver.join {
            $0.memberID = ids[1]
            $0.protocols = [GroupProtocol(name: "range", metadata: "other")]
        }
        #expect(driver.group.state == .preparingRebalance)
    }
}
