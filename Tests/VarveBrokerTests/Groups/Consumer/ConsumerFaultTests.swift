import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Consumer groups while the disk is sick.
@Suite(.serialized) struct ConsumerFaultTests {
    private let refusal = ConsumerRefusal(error: .notCoordinator)

    @Test(arguments: [GateDisk.Gate.failing, .losing])
    func whatAFailedSyncMayHaveLostIsWrittenAgain(fault: GateDisk.Gate) throws {
        let groups = try GatedCoordinator()
        let all = try #require(try groups.beat("a", 0).get().assignment)
        groups.disk.set(fault)
        #expect(try groups.beat("b", 0) == .failure(refusal))
        #expect(try groups.beat("a", 1) == .failure(refusal), "its answer rests on it too")
        groups.disk.set(.open)
        #expect(try groups.beat("a", 1) == .failure(refusal), "offline until reopened")
        try groups.reopen()

        // Nobody was told of what was lost, so it may stand; and now it is there.
        let kept = try #require(try groups.beat("a", 1).get().assignment)
        #expect(kept.count == 2)
        #expect(try groups.beat("a", 1, owned: kept).get().epoch == 2)
        #expect(try groups.beat("b", 0).get().assignment == all.subtracting(kept))
        let before = try #require(groups.coordinator.describeConsumers("g"))

        try groups.restart()
        let after = try #require(groups.coordinator.describeConsumers("g"))
        #expect(after.epoch == before.epoch && after.assignmentEpoch == before.assignmentEpoch)
        #expect(after.owners == before.owners)
        #expect(after.members.keys.sorted() == ["a", "b"])
        #expect(after.members.mapValues(\.epoch) == before.members.mapValues(\.epoch))
        try groups.stop()
    }

    // MARK: Groups that change their protocol

    /// Whether nothing of an earlier group is left in the log.
    private func isAlone(_ groups: GatedCoordinator) throws -> Bool {
        try #require(groups.coordinator.entry(of: "g")).state.withLock { $0.former == nil }
    }

    private func members(_ groups: GatedCoordinator) -> Set<String>? {
        groups.coordinator.describeConsumers("g").map { Set($0.members.keys) }
    }

    /// The log may have the group as it was, or as it was to be: what is written next leaves
    /// nothing of the other.
    @Test(arguments: [GateDisk.Gate.failing, .losing])
    func aConversionThatMayBeLostIsWrittenAgain(fault: GateDisk.Gate) throws {
        let groups = try GatedCoordinator()
        let first = try groups.join()
        #expect(try groups.sync(first) == .none)
        groups.disk.set(fault)
        #expect(try groups.beat("new", 0) == .failure(refusal))
        try groups.reopen()
        #expect(try groups.beat("new", 0).get().memberID == "new")
        let entry = try #require(groups.coordinator.entry(of: "g"))
        #expect(entry.state.withLock { $0.consumers!.suspects.isEmpty })
        let both = try #require(members(groups))
        try groups.restart()
        #expect(members(groups) == both)

        groups.disk.set(fault)
        #expect(try groups.beat("new", -1) == .failure(refusal))
        #expect(groups.coordinator.describe("g")?.members.count == 1)
        try groups.reopen()
        let leader = try groups.join(first.memberID)
        #expect(leader.leader == first.memberID)
        #expect(try groups.sync(leader) == .none)
        #expect(try isAlone(groups), "nothing of it is left in the log")
        try groups.restart()
        #expect(groups.coordinator.describe("g")?.state == .stable)
        #expect(try isAlone(groups))
        try groups.stop()
    }

    @Test(arguments: [GateDisk.Gate.failing, .losing])
    func whoLeftInAConversionThatMayBeLostStaysOut(fault: GateDisk.Gate) throws {
        let groups = try GatedCoordinator()
        let first = try groups.join()
        #expect(try groups.sync(first) == .none)
        _ = try groups.beat("new", 0).get()
        groups.disk.set(fault)
        #expect(try groups.beat("new", -1) == .failure(refusal))
        try groups.reopen()
        _ = try groups.beat("other", 0).get()
        try groups.restart()
        #expect(members(groups) == [first.memberID, "other"])
        try groups.stop()
    }

    /// The batch that took the classic group's record out is lost with the one that put it back.
    @Test func aConversionThereAndBackThatMayBeLostKeepsTheClassicGroup() throws {
        let groups = try GatedCoordinator()
        let first = try groups.join()
        #expect(try groups.sync(first) == .none)
        groups.disk.set(.closed)
        let joined = groups.send("new", 0)
        let left = groups.send("new", -1)
        #expect(joined.value == nil && left.value == nil)
        groups.disk.set(.failing)
        #expect(try joined.get() == .failure(refusal))
        #expect(try left.get() == .failure(refusal))
        try groups.reopen()
        #expect(try groups.sync(try groups.join(first.memberID)) == .none)
        try groups.restart()
        #expect(groups.coordinator.describe("g")?.members.map(\.id) == [first.memberID])
        try groups.stop()
    }

    // MARK: Damaged records

    @Test func recordsThatDoNotParseCostTheMembersAndNotTheOffsets() throws {
        let groups = try GatedCoordinator()
        _ = try groups.beat("a", 0).get()
        var records = GroupRecords(group: "g", now: 0)
        try records.add(.current("a"), "\u{0}\u{0}\u{1}")
        try records.add(
            topic: "t", partition: 0, CommittedOffset(offset: 7, commitTime: 1 << 60))
        _ = try groups.log().append(try records.finish(), now: 0)

        try groups.restart()
        #expect(groups.coordinator.describeConsumers("g")?.members.isEmpty == true)
        #expect(groups.coordinator.committedOffsets(of: "g")?["t"]?[0]?.offset == 7)
        #expect(try groups.beat("b", 0).get().assignment?.count == 4)

        // What belonged to nobody went with it.
        try groups.restart()
        #expect(groups.coordinator.describeConsumers("g")?.members.keys.sorted() == ["b"])
        try groups.stop()
    }
}
