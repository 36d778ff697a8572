import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

@Suite struct GroupRestoreTests {
    @Test func restoredGroupGoesOnWhereItStood() {
        var before = GroupDriver()
        let ids = before.settle(2) { $0.sessionTimeout = 6_000 }
        var after = GroupDriver()
        after.group = Group(
            id: "g", restoring: before.group.snapshot(), limits: GroupLimits(), at: after.time)
        #expect(after.group.state == .stable)
        #expect(after.group.leader == ids[0])
        #expect(after.heartbeat(ids[0]) == .none)
        #expect(after.commit(ids[1]) == nil)
        let sync = after.sync(ids[1])
        #expect(after.syncs[sync]?.assignment == ByteSlice(ids[1]))
        #expect(after.group.snapshot() == before.group.snapshot())
    }

    @Test func restoredMembersThatAreGoneAreDropped() {
        var before = GroupDriver()
        let ids = before.settle(2) { $0.sessionTimeout = 6_000 }
        var after = GroupDriver()
        after.group = Group(
            id: "g", restoring: before.group.snapshot(), limits: GroupLimits(), at: after.time)
        after.pass(5_999)
        #expect(after.group.state == .stable)
        #expect(after.heartbeat(ids[1]) == .none)
        after.pass(1)
        #expect(after.heartbeat(ids[1]) == .rebalanceInProgress)
        #expect(after.group.members.count == 1)
    }

    @Test func restoredEmptyGroupKeepsItsGenerationAndTime() {
        var before = GroupDriver()
        let ids = before.settle(1)
        _ = before.leave(GroupLeaver(memberID: ids[0]))
        let group = Group(
            id: "g", restoring: before.group.snapshot(), limits: GroupLimits(),
            at: GroupTime(monotonic: 0, wall: 5))
        #expect(group.state == .empty)
        #expect(group.generation == before.group.generation)
        #expect(group.stateSince == before.group.stateSince)
    }

    @Test func recordWithoutLeaderOrProtocolRestores() {
        var before = GroupDriver()
        _ = before.settle(2)
        var snapshot = before.group.snapshot()
        snapshot.leader = "stranger"
        snapshot.protocolName = nil
        let group = Group(
            id: "g", restoring: snapshot, limits: GroupLimits(),
            at: GroupTime(monotonic: 0, wall: 5))
        #expect(group.members[group.leader ?? ""] != nil)
    }

    @Test func consumersTellTheirTopics() throws {
        var subscription = ConsumerSubscription()
        subscription.topics = ["one", "two"]
        let metadata = try subscription.encoded()
        var driver = GroupDriver()
        _ = driver.settle(2) { $0.protocols = [GroupProtocol(name: "range", metadata: metadata)] }
        #expect(driver.group.subscribedTopics == ["one", "two"])
        #expect(driver.group.isSubscribed(to: "one"))
        #expect(!driver.group.isSubscribed(to: "three"))
    }

    @Test func garbageMetadataIsNobodysTopic() {
        var driver = GroupDriver()
        _ = driver.settle(2)
        #expect(driver.group.subscribedTopics == nil)
        #expect(driver.group.isSubscribed(to: "anything"), "unknown counts as in use")
    }
}
