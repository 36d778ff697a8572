import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Static membership (KIP-345): a member with a name of its own may go and come back.
@Suite struct GroupStaticMemberTests {
    private func pair() -> (GroupDriver, leader: String, follower: String) {
        var driver = GroupDriver()
        let tickets = ["a", "b"].map { name in driver.join { $0.instanceID = name } }
        driver.gather()
        let ids = tickets.map { driver.joins[$0]!.memberID }
        _ = driver.sync(ids[1], instanceID: "b")
        _ = driver.sync(ids[0], instanceID: "a", [ids[0]: "for-a", ids[1]: "for-b"])
        return (driver, ids[0], ids[1])
    }

    @Test func needsNoSecondJoinForItsID() {
        var driver = GroupDriver()
        let ticket = driver.join {
            $0.instanceID = "a"
            $0.requiresKnownMemberID = true
        }
        driver.pass(3_000)
        #expect(driver.joins[ticket]?.error == ErrorCode.none)
    }

    @Test func comesBackWithoutARebalance() {
        var (driver, _, old) = pair()
        let generation = driver.group.generation
        let ticket = driver.join { $0.instanceID = "b" }
        let answer = driver.joins[ticket]!
        #expect(answer.error == .none)
        #expect(answer.memberID != old)
        #expect(answer.generation == generation)
        #expect(driver.group.state == .stable)
        let sync = driver.sync(answer.memberID, instanceID: "b")
        #expect(driver.syncs[sync]?.assignment == "for-b")
    }

    @Test func isAnsweredOnlyWhenItsNewIDIsDurable() {
        var (driver, _, _) = pair()
        driver.storesAtOnce = false
        let ticket = driver.join { $0.instanceID = "b" }
        #expect(driver.joins[ticket] == nil)
        #expect(driver.stores[0].snapshot.members.map(\.assignment) == ["for-a", "for-b"])
        driver.confirm()
        #expect(driver.joins[ticket]?.error == ErrorCode.none)
    }

    @Test func whoseNewIDCannotBeStoredRebalances() {
        var (driver, _, _) = pair()
        driver.storesAtOnce = false
        let ticket = driver.join { $0.instanceID = "b" }
        driver.confirm(.coordinatorNotAvailable)
        #expect(driver.joins[ticket]?.error == .coordinatorNotAvailable)
        #expect(driver.group.state == .preparingRebalance)
    }

    @Test func oldIDIsFenced() {
        var (driver, _, old) = pair()
        _ = driver.join { $0.instanceID = "b" }
        #expect(driver.heartbeat(old, instanceID: "b") == .fencedInstanceId)
        #expect(driver.heartbeat(old) == .unknownMemberId)
        #expect(driver.syncs[driver.sync(old, instanceID: "b")]?.error == .fencedInstanceId)
        let rejoin = driver.join {
            $0.memberID = old
            $0.instanceID = "b"
        }
        #expect(driver.joins[rejoin]?.error == .fencedInstanceId)
        #expect(
            driver.group.commitError(
                memberID: old, instanceID: "b", generation: driver.group.generation,
                at: driver.time) == .fencedInstanceId)
        #expect(driver.leave(GroupLeaver(memberID: old, instanceID: "b")) == [.fencedInstanceId])
    }

    @Test func parkedRequestOfTheOldIDIsFenced() {
        var (driver, leader, old) = pair()
        _ = driver.join {
            $0.memberID = leader
            $0.instanceID = "a"
        }
        let parked = driver.join {
            $0.memberID = old
            $0.instanceID = "b"
            $0.protocols = [GroupProtocol(name: "range", metadata: "other")]
        }
        // Both joined, so the generation stands: park a join again, then replace it.
        #expect(driver.joins[parked]?.error == ErrorCode.none)
        let sync = driver.sync(old, instanceID: "b")
        _ = driver.join { $0.instanceID = "b" }
        #expect(driver.syncs[sync]?.error == .fencedInstanceId)
        #expect(driver.group.state == .preparingRebalance, "the leader knows only the old id")
    }

    @Test func leaderThatComesBackIsToldWhetherToAssign() {
        var (older, oldLeader, _) = pair()
        let asOlder = older.joins[older.join { $0.instanceID = "a" }]!
        #expect(asOlder.leader == oldLeader && asOlder.memberID != oldLeader)
        #expect(asOlder.members.isEmpty)

        var (newer, _, _) = pair()
        let asNewer = newer.joins[
            newer.join {
                $0.instanceID = "a"
                $0.canSkipAssignment = true
            }]!
        #expect(asNewer.leader == asNewer.memberID)
        #expect(asNewer.skipAssignment)
        #expect(asNewer.members.count == 2)
    }

    @Test func comesBackWithoutARebalanceThoughItForgotWhatItOwned() throws {
        func metadata(owned: Bool) throws -> ByteSlice {
            var subscription = ConsumerSubscription()
            subscription.topics = ["t"]
            if owned {
                subscription.ownedPartitions = [
                    .init {
                        $0.topic = "t"
                        $0.partitions = [1]
                    }
                ]
            }
            return try subscription.encoded()
        }
        var driver = GroupDriver()
        let before = try metadata(owned: true)
        _ = driver.settle(1) {
            $0.instanceID = "a"
            $0.protocols = [GroupProtocol(name: "range", metadata: before)]
        }
        let after = try metadata(owned: false)
        let ticket = driver.join {
            $0.instanceID = "a"
            $0.protocols = [GroupProtocol(name: "range", metadata: after)]
        }
        #expect(driver.joins[ticket]?.error == ErrorCode.none)
        #expect(driver.group.state == .stable)
    }

    @Test func rebalancesWhenItWantsSomethingElse() {
        var (driver, _, _) = pair()
        _ = driver.join {
            $0.instanceID = "b"
            $0.protocols = [GroupProtocol(name: "range", metadata: "other")]
        }
        #expect(driver.group.state == .preparingRebalance)
    }

    @Test func keepsItsPlaceThroughARebalanceThatItMissed() {
        var (driver, leader, away) = pair()
        let rejoin = driver.join {
            $0.memberID = leader
            $0.instanceID = "a"
            $0.sessionTimeout = 10_000
            $0.rebalanceTimeout = 5_000
        }
        driver.group.members[away]!.rebalanceTimeout = 5_000
        driver.group.members[away]!.sessionTimeout = 200_000
        driver.group.members[away]!.deadline = driver.now + 200_000
        driver.pass(60_000)
        let answer = driver.joins[rejoin]!
        #expect(answer.members.map(\.id).sorted() == [leader, away].sorted())
        #expect(driver.group.members[away] != nil)
    }

    @Test func isDroppedWhenItsSessionEnds() {
        var (driver, _, _) = pair()
        driver.pass(120_000)
        #expect(driver.group.state == .empty)
    }

    @Test func administratorRemovesItByName() {
        var (driver, _, _) = pair()
        #expect(driver.leave(GroupLeaver(memberID: "", instanceID: "b")) == [.none])
        #expect(driver.group.state == .preparingRebalance)
        #expect(driver.group.members.count == 1)
    }
}
