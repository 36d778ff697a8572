import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

@Suite struct CoordinatorMemberTests {
    @Test func assignmentIsHandedOutOnlyWhenDurable() throws {
        let fixture = try CoordinatorFixture()
        let joined = try #require(fixture.join().value)
        let synced = fixture.sync(joined, [joined.memberID: "mine"])
        #expect(synced.value == nil)
        fixture.directory.commitNow()
        #expect(synced.value?.assignment == "mine")
    }

    @Test func memberIDsNameTheirClientAndAreNeverTheSame() throws {
        let fixture = try CoordinatorFixture()
        let ids = try (0..<50).map { _ in
            try #require(fixture.join { $0.requiresKnownMemberID = true }.value).memberID
        }
        #expect(Set(ids).count == 50)
        #expect(ids.allSatisfy { $0.hasPrefix("client-") })
    }

    @Test func membersSurviveRestart() throws {
        let fixture = try CoordinatorFixture()
        let member = try fixture.settle()
        try fixture.restart()
        #expect(
            fixture.coordinator.heartbeat(
                "g", memberID: member.memberID, instanceID: nil, generation: member.generation)
                == .none)
        let synced = fixture.sync(member)
        #expect(synced.value?.assignment == "mine")
        let committed = fixture.commit("g", 9, by: member)
        fixture.directory.commitNow()
        #expect(committed.value == ErrorCode.none)
    }

    @Test func groupThatBecameEmptyIsStillSoAfterRestart() throws {
        let fixture = try CoordinatorFixture()
        let member = try fixture.settle()
        _ = fixture.coordinator.leave("g", [GroupLeaver(memberID: member.memberID)])
        fixture.directory.commitNow()
        try fixture.restart()
        #expect(fixture.coordinator.describe("g")?.state == .empty)
        let again = try #require(fixture.join().value)
        #expect(again.generation > member.generation + 1, "a generation never comes back")
    }

    @Test func silentMembersLoseTheirPlaceThroughTheTimer() throws {
        let fixture = try CoordinatorFixture()
        _ = try fixture.settle()
        fixture.pass(5_000)
        #expect(fixture.coordinator.describe("g")?.state == .stable)
        fixture.pass(5_000)
        #expect(fixture.coordinator.describe("g")?.state == .empty)
    }

    @Test func groupThatNeverSettledLeavesNoTrace() throws {
        let fixture = try CoordinatorFixture()
        _ = fixture.join { $0.requiresKnownMemberID = true }
        #expect(fixture.coordinator.list().count == 1)
        fixture.pass(60_000)
        #expect(fixture.coordinator.list().isEmpty)
        _ = fixture.join { $0.protocols = [] }
        #expect(fixture.coordinator.list().isEmpty)
        #expect(fixture.directory.topic("__consumer_offsets") == nil)
    }

    @Test func requestsAreChecked() throws {
        let fixture = try CoordinatorFixture()
        #expect(fixture.join("").value?.error == .invalidGroupId)
        #expect(fixture.join { $0.sessionTimeout = 5_999 }.value?.error == .invalidSessionTimeout)
        #expect(
            fixture.join { $0.sessionTimeout = 1_800_001 }.value?.error == .invalidSessionTimeout)
        #expect(fixture.join { $0.memberID = "stranger" }.value?.error == .unknownMemberId)
        #expect(
            fixture.coordinator.heartbeat("g", memberID: "m", instanceID: nil, generation: 1)
                == .unknownMemberId)
        #expect(
            fixture.coordinator.leave("g", [GroupLeaver(memberID: "m")]).members
                == [.unknownMemberId])
        let large = ByteSlice([UInt8](repeating: 0, count: 2 << 20))
        #expect(
            fixture.join { $0.protocols = [GroupProtocol(name: "range", metadata: large)] }
                .value?.error == .invalidRequest)
    }

    @Test func stopAnswersWhoeverWaits() throws {
        let fixture = try CoordinatorFixture { $0.limits.initialRebalanceDelay = 3_000 }
        let joined = fixture.join()
        #expect(joined.value == nil)
        fixture.coordinator.stop()
        #expect(joined.value?.error == .notCoordinator)
        #expect(fixture.join().value?.error == .coordinatorNotAvailable)
        #expect(fixture.commit("g", 1).value == .coordinatorNotAvailable)
    }

    @Test func groupsAreBounded() throws {
        let fixture = try CoordinatorFixture { $0.groupsMax = 2 }
        _ = fixture.commit("one", 1)
        _ = fixture.commit("two", 1)
        #expect(fixture.commit("three", 1).value == .coordinatorNotAvailable)
        #expect(fixture.join("three").value?.error == .coordinatorNotAvailable)
    }

    @Test func groupsAreDescribed() throws {
        let fixture = try CoordinatorFixture { $0.limits.initialRebalanceDelay = 3_000 }
        _ = fixture.join("b")
        var described = try #require(fixture.coordinator.describe("b"))
        #expect(described.state == .preparingRebalance)
        #expect(described.members.map(\.clientID) == ["client"])
        #expect(described.members.map(\.metadata.count) == [0], "not before it is stable")
        fixture.settings.limits.initialRebalanceDelay = 0
        try fixture.restart()
        _ = try fixture.settle("a")
        described = try #require(fixture.coordinator.describe("a"))
        #expect(described.protocolName == "range")
        #expect(described.members.map(\.assignment) == ["mine"])
        #expect(fixture.coordinator.list().map(\.id) == ["a"])
    }
}
