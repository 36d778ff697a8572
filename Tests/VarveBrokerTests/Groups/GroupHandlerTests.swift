import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// The group APIs over a socket, in every version.
@Suite(.serialized) struct GroupHandlerTests {
    static let settings = ["group.initial.rebalance.delay.ms": "0"]

    private func broker() throws -> TestBroker {
        let broker = try TestBroker(settings: Self.settings)
        try broker.broker.createTopic("events", partitions: 3)
        return broker
    }

    private func joinRequest(
        _ group: String, memberID: String = "",
        _ change: (inout JoinGroupRequest) -> Void = { _ in }
    ) -> JoinGroupRequest {
        var request = JoinGroupRequest()
        request.groupId = group
        request.memberId = memberID
        request.sessionTimeoutMs = 10_000
        request.rebalanceTimeoutMs = 20_000
        request.protocolType = "consumer"
        request.protocols = [
            JoinGroupRequest.GroupProtocol {
                $0.name = "range"
                $0.metadata = CoordinatorFixture.subscription("events")
            }
        ]
        change(&request)
        return request
    }

    private func join(
        _ client: TestClient, _ group: String, version: Int16
    ) throws -> JoinGroupResponse {
        let first = try client.ask(joinRequest(group), version: version)
        guard version >= 4 else { return first }
        #expect(first.errorCode == .memberIdRequired)
        return try client.ask(joinRequest(group, memberID: first.memberId), version: version)
    }

    private func sync(
        _ client: TestClient, _ group: String, _ member: JoinGroupResponse, version: Int16
    ) throws -> SyncGroupResponse {
        var request = SyncGroupRequest()
        request.groupId = group
        request.generationId = member.generationId
        request.memberId = member.memberId
        request.protocolType = "consumer"
        request.protocolName = "range"
        request.assignments = [
            SyncGroupRequest.Assignment {
                $0.memberId = member.memberId
                $0.assignment = "all"
            }
        ]
        return try client.ask(request, version: version)
    }

    private func commit(
        _ group: String, _ member: JoinGroupResponse? = nil, topic: String = "events",
        id: UniqueID = .zero, partition: Int32 = 0, offset: Int64 = 7, metadata: String? = nil
    ) -> OffsetCommitRequest {
        var request = OffsetCommitRequest()
        request.groupId = group
        if let member {
            request.memberId = member.memberId
            request.generationIdOrMemberEpoch = member.generationId
        }
        request.topics = [
            OffsetCommitRequest.Topic {
                $0.name = topic
                $0.topicId = id
                $0.partitions = [
                    OffsetCommitRequest.Partition {
                        $0.partitionIndex = partition
                        $0.committedOffset = offset
                        $0.committedMetadata = metadata
                    }
                ]
            }
        ]
        return request
    }

    private func error(_ response: OffsetCommitResponse) -> ErrorCode {
        response.topics[0].partitions[0].errorCode
    }

    // MARK: Members

    @Test func memberLivesInEveryVersion() throws {
        let broker = try broker()
        let client = try broker.client()
        for version in 0...9 as ClosedRange<Int16> {
            let group = "g-\(version)"
            let joined = try join(client, group, version: version)
            #expect(joined.errorCode == .none)
            #expect(joined.leader == joined.memberId)
            #expect(joined.members.map(\.memberId) == [joined.memberId])
            #expect(joined.protocolName == "range")
            #expect(joined.protocolType == (version >= 7 ? "consumer" : nil))

            let synced = try sync(client, group, joined, version: min(version, 5))
            #expect(synced.errorCode == .none)
            #expect(synced.assignment == "all")

            var beat = HeartbeatRequest()
            beat.groupId = group
            beat.memberId = joined.memberId
            beat.generationId = joined.generationId
            #expect(try client.ask(beat, version: min(version, 4)).errorCode == .none)

            var leave = LeaveGroupRequest()
            leave.groupId = group
            leave.memberId = joined.memberId
            leave.members = [LeaveGroupRequest.Member { $0.memberId = joined.memberId }]
            let left = try client.ask(leave, version: min(version, 5))
            #expect(left.errorCode == .none)
            #expect(left.members.map(\.errorCode) == (version >= 3 ? [.none] : []))
            // It is gone: up to version 2 that is the response's own error.
            let again = try client.ask(leave, version: min(version, 5))
            #expect(again.errorCode == (version >= 3 ? .none : .unknownMemberId))
            #expect(again.members.map(\.errorCode) == (version >= 3 ? [.unknownMemberId] : []))
        }
    }

    @Test func parkedJoinIsAnsweredOnItsConnection() throws {
        let broker = try broker()
        let (first, second) = (try broker.client(), try broker.client())
        let joined = try join(first, "g", version: 3)
        _ = try sync(first, "g", joined, version: 3)
        let id = try second.send(joinRequest("g"), version: 3)
        #expect(try second.isSilent(for: 200))
        let again = try first.ask(joinRequest("g", memberID: joined.memberId), version: 3)
        let other = try second.answer(to: JoinGroupRequest.self, version: 3, id: id)
        #expect(again.generationId == other.generationId)
        #expect(other.leader == joined.memberId && other.members.isEmpty)
        #expect(again.members.count == 2)
    }

    @Test func stopSendsParkedMembersAway() throws {
        let broker = try TestBroker(settings: ["group.initial.rebalance.delay.ms": "30000"])
        let client = try broker.client()
        let id = try client.send(joinRequest("g"), version: 3)
        #expect(try client.isSilent(for: 200))
        try broker.broker.stop()
        let answer = try client.answer(to: JoinGroupRequest.self, version: 3, id: id)
        #expect(answer.errorCode == .notCoordinator)
    }

    @Test func sessionsEndThroughTheHousekeepingThread() throws {
        let broker = try TestBroker(
            settings: Self.settings.merging(["group.min.session.timeout.ms": "200"]) { $1 })
        let client = try broker.client()
        let joined = try client.ask(joinRequest("g") { $0.sessionTimeoutMs = 300 }, version: 3)
        _ = try sync(client, "g", joined, version: 3)
        let state = try broker.state
        let end = SystemClock().monotonicMilliseconds() + 5_000
        while state.groups.describe("g")?.state != .empty,
            SystemClock().monotonicMilliseconds() < end
        {
            _ = try client.isSilent(for: 20)
        }
        #expect(state.groups.describe("g")?.state == .empty)
    }

    // MARK: Offsets

    @Test func offsetsAreCommittedAndFetchedInEveryVersion() throws {
        let broker = try broker()
        let client = try broker.client()
        let id = try #require(try broker.state.directory.topic("events")).id
        for version in 0...10 as ClosedRange<Int16> {
            let group = "g-\(version)"
            let committed = try client.ask(
                commit(group, id: id, offset: 100 + Int64(version), metadata: "m"),
                version: version)
            #expect(error(committed) == .none)

            var fetch = OffsetFetchRequest()
            let topics = [
                OffsetFetchRequest.Topic {
                    $0.name = "events"
                    $0.topicId = id
                    $0.partitionIndexes = [0, 1]
                }
            ]
            fetch.groupId = group
            fetch.topics = topics
            fetch.groups = [
                OffsetFetchRequest.Group {
                    $0.groupId = group
                    $0.topics = topics
                },
                OffsetFetchRequest.Group {
                    $0.groupId = "nobody"
                    $0.topics = topics
                },
            ]
            let found = try client.ask(fetch, version: version)
            let partitions =
                version >= 8
                ? found.groups[0].topics[0].partitions : found.topics[0].partitions
            #expect(partitions.map(\.committedOffset) == [100 + Int64(version), -1])
            #expect(partitions.map(\.errorCode) == [.none, .none])
            #expect(partitions[0].metadata == "m")
            if version >= 8 {
                #expect(found.groups[1].topics[0].partitions.map(\.committedOffset) == [-1, -1])
                #expect(found.groups[1].errorCode == .none)
            }
        }
    }

    @Test func fetchWithoutTopicsGivesAllOfThem() throws {
        let broker = try broker()
        try broker.broker.createTopic("more", partitions: 1)
        let client = try broker.client()
        _ = try client.ask(commit("g"), version: 8)
        _ = try client.ask(commit("g", topic: "more", offset: 9), version: 8)
        var fetch = OffsetFetchRequest()
        fetch.groupId = "g"
        fetch.topics = nil
        #expect(try client.ask(fetch, version: 7).topics.map(\.name) == ["events", "more"])
        fetch.groups = [OffsetFetchRequest.Group { $0.groupId = "g" }]
        let ids = try client.ask(fetch, version: 10).groups[0].topics.map(\.topicId)
        #expect(!ids.contains(.zero) && ids.count == 2)
    }

    @Test func commitIsCheckedPerPartition() throws {
        let broker = try broker()
        let client = try broker.client()
        #expect(
            error(try client.ask(commit("g", topic: "none"), version: 8))
                == .unknownTopicOrPartition)
        #expect(
            error(try client.ask(commit("g", partition: 3), version: 8))
                == .unknownTopicOrPartition)
        #expect(
            error(try client.ask(commit("g", id: .random()), version: 10)) == .unknownTopicId)
        #expect(
            error(
                try client.ask(
                    commit("g", metadata: String(repeating: "x", count: 4097)), version: 8))
                == .offsetMetadataTooLarge)
        #expect(
            error(
                try client.ask(
                    commit("g", metadata: String(repeating: "x", count: 4096)), version: 8))
                == .none)
    }

    @Test func missingGroupIsNamedSoFromVersion9() throws {
        let broker = try broker()
        let client = try broker.client()
        var request = commit("none")
        request.generationIdOrMemberEpoch = 1
        request.memberId = "m"
        #expect(error(try client.ask(request, version: 8)) == .illegalGeneration)
        #expect(error(try client.ask(request, version: 9)) == .groupIdNotFound)
    }

    @Test func offsetsGoWhenTheirTopicIsDeleted() throws {
        let broker = try broker()
        let client = try broker.client()
        _ = try client.ask(commit("g"), version: 8)
        var delete = DeleteTopicsRequest()
        delete.topicNames = ["events"]
        #expect(try client.ask(delete, version: 3).responses[0].errorCode == .none)
        try broker.broker.createTopic("events", partitions: 3)
        var fetch = OffsetFetchRequest()
        fetch.groupId = "g"
        fetch.topics = [
            OffsetFetchRequest.Topic {
                $0.name = "events"
                $0.partitionIndexes = [0]
            }
        ]
        let end = SystemClock().monotonicMilliseconds() + 5_000
        var offset: Int64 = 0
        repeat {
            offset = try client.ask(fetch, version: 5).topics[0].partitions[0].committedOffset
        } while offset != -1 && SystemClock().monotonicMilliseconds() < end
        #expect(offset == -1)
    }

    // MARK: Administration

    @Test func groupsAreDescribedListedAndDeleted() throws {
        let broker = try broker()
        let client = try broker.client()
        let joined = try join(client, "live", version: 5)
        _ = try sync(client, "live", joined, version: 5)
        _ = try client.ask(commit("simple"), version: 8)

        var describe = DescribeGroupsRequest()
        describe.groups = ["live", "simple", "none"]
        describe.includeAuthorizedOperations = true
        for version in 0...6 as ClosedRange<Int16> {
            let groups = try client.ask(describe, version: version).groups
            #expect(groups.map(\.groupState) == ["Stable", "Empty", "Dead"])
            #expect(groups[0].protocolData == "range")
            #expect(groups[0].members[0].memberAssignment == "all")
            #expect(groups[0].members[0].clientId == "test")
            #expect(groups[0].members[0].clientHost == "/127.0.0.1")
            #expect(groups[2].errorCode == (version >= 6 ? .groupIdNotFound : .none))
        }

        var list = ListGroupsRequest()
        for version in 0...5 as ClosedRange<Int16> {
            let groups = try client.ask(list, version: version).groups
            #expect(groups.map(\.groupId) == ["live", "simple"])
            #expect(groups.map(\.protocolType) == ["consumer", ""])
        }
        list.statesFilter = ["empty"]
        #expect(try client.ask(list, version: 4).groups.map(\.groupId) == ["simple"])
        list.typesFilter = ["consumer"]
        #expect(try client.ask(list, version: 5).groups.isEmpty)

        var delete = DeleteGroupsRequest()
        delete.groupsNames = ["live", "simple", "none", ""]
        #expect(
            try client.ask(delete, version: 2).results.map(\.errorCode)
                == [.nonEmptyGroup, .none, .groupIdNotFound, .invalidGroupId])
    }

    @Test func offsetsAreDeletedByPartition() throws {
        let broker = try broker()
        let client = try broker.client()
        _ = try client.ask(commit("g"), version: 8)
        var request = OffsetDeleteRequest()
        request.groupId = "g"
        request.topics = [
            OffsetDeleteRequest.Topic {
                $0.name = "none"
                $0.partitions = [OffsetDeleteRequest.Partition()]
            },
            OffsetDeleteRequest.Topic {
                $0.name = "events"
                $0.partitions = [OffsetDeleteRequest.Partition()]
            },
        ]
        let response = try client.ask(request, version: 0)
        #expect(response.errorCode == .none)
        #expect(
            response.topics.map { $0.partitions.map(\.errorCode) }
                == [[.unknownTopicOrPartition], [.none]])
        #expect(try broker.state.groups.committedOffsets(of: "g")?["events"] == nil)
        request.groupId = "none"
        #expect(try client.ask(request, version: 0).errorCode == .groupIdNotFound)
    }

    @Test func httpPagesShowTheGroupsLag() throws {
        let broker = try broker()
        let client = try broker.client()
        _ = try broker.broker.append(
            topic: "events", records: (0..<10).map { BrokerRecord(value: Array("\($0)".utf8)) })
        _ = try client.ask(commit("g", offset: 4), version: 8)
        let lag = try #require(try GroupLag.all(of: broker.state).first)
        #expect(lag.name == "g")
        #expect(lag.offsets.map(\.lag) == [6])
    }
}
