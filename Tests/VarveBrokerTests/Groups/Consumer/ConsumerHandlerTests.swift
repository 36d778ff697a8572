import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// The consumer protocol over a socket, and what the other group APIs say of its groups.
@Suite(.serialized) struct ConsumerHandlerTests {
    private func broker() throws -> TestBroker {
        let broker = try TestBroker(settings: ["group.initial.rebalance.delay.ms": "0"])
        try broker.broker.createTopic("events", partitions: 3)
        return broker
    }

    private func heartbeat(
        _ group: String, _ memberID: String, _ epoch: Int32,
        _ change: (inout ConsumerGroupHeartbeatRequest) -> Void = { _ in }
    ) -> ConsumerGroupHeartbeatRequest {
        var request = ConsumerGroupHeartbeatRequest()
        request.groupId = group
        request.memberId = memberID
        request.memberEpoch = epoch
        if epoch == 0 {
            request.rebalanceTimeoutMs = 10_000
            request.subscribedTopicNames = ["events"]
            request.topicPartitions = []
        }
        change(&request)
        return request
    }

    @Test(arguments: [Int16(0), 1])
    func aMemberJoinsAndLeaves(version: Int16) throws {
        let broker = try broker()
        let client = try broker.client()
        let answer = try client.ask(heartbeat("g", "mine", 0), version: version)
        #expect(answer.errorCode == .none && answer.memberId == "mine")
        #expect(answer.memberEpoch == 1 && answer.heartbeatIntervalMs == 5000)
        #expect(answer.assignment?.topicPartitions.map(\.partitions) == [[0, 1, 2]])
        let beat = try client.ask(heartbeat("g", "mine", 1), version: version)
        #expect(beat.errorCode == .none && beat.assignment == nil)
        let left = try client.ask(heartbeat("g", "mine", -1), version: version)
        #expect(left.errorCode == .none && left.memberEpoch == -1)
    }

    @Test func memberIDsAreTheBrokersInVersion0AndTheClientsLater() throws {
        let broker = try broker()
        let client = try broker.client()
        let first = try client.ask(heartbeat("g", "", 0), version: 0)
        #expect(first.errorCode == .none && first.memberId?.count == 22)
        let later = try client.ask(heartbeat("h", "", 0), version: 1)
        #expect(later.errorCode == .invalidRequest && later.errorMessage != nil)
        let bad = try client.ask(
            heartbeat("h", "m", 0) { $0.subscribedTopicRegex = "a(" }, version: 1)
        #expect(bad.errorCode == .invalidRegularExpression)
        #expect(bad.errorMessage?.contains("position") == true)
    }

    @Test func groupsAreListedAndDescribedByProtocol() throws {
        let broker = try broker()
        let client = try broker.client()
        _ = try client.ask(
            heartbeat("new", "m", 0) { $0.subscribedTopicRegex = "ev.*" }, version: 1)
        var commit = OffsetCommitRequest()
        commit.groupId = "old"
        commit.topics = [
            OffsetCommitRequest.Topic {
                $0.name = "events"
                $0.partitions = [OffsetCommitRequest.Partition { $0.committedOffset = 1 }]
            }
        ]
        _ = try client.ask(commit, version: 8)

        func list(_ states: [String], _ types: [String]) throws -> [String] {
            var request = ListGroupsRequest()
            request.statesFilter = states
            request.typesFilter = types
            return try client.ask(request, version: 5).groups.map {
                "\($0.groupId) \($0.groupState) \($0.groupType)"
            }
        }
        #expect(try list([], []) == ["new Stable consumer", "old Empty classic"])
        #expect(try list([], ["Consumer"]) == ["new Stable consumer"])
        #expect(try list(["empty"], []) == ["old Empty classic"])
        #expect(try list(["empty"], ["consumer"]) == [])

        var describe = DescribeGroupsRequest()
        describe.groups = ["new"]
        let old = try client.ask(describe, version: 5).groups[0]
        #expect(old.groupState == "Dead" && old.errorCode == .none)
        let newer = try client.ask(describe, version: 6).groups[0]
        #expect(newer.errorCode == .groupIdNotFound)
        #expect(newer.errorMessage == "Group new is not a classic group.")

        for version in [Int16(0), 1] {
            var request = ConsumerGroupDescribeRequest()
            request.groupIds = ["new", "old", "none", ""]
            request.includeAuthorizedOperations = true
            let groups = try client.ask(request, version: version).groups
            #expect(
                groups.map(\.errorCode)
                    == [.none, .groupIdNotFound, .groupIdNotFound, .invalidGroupId])
            #expect(groups[1].errorMessage == "Group old is not a consumer group.")
            #expect(groups[0].groupState == "Stable" && groups[0].assignorName == "uniform")
            #expect(groups[0].groupEpoch == 1 && groups[0].assignmentEpoch == 1)
            #expect(groups[0].authorizedOperations == ResourceType.group.operations.rawValue)
            let member = try #require(groups[0].members.first)
            #expect(member.memberId == "m" && member.memberEpoch == 1)
            #expect(member.subscribedTopicNames == ["events"])
            #expect(member.subscribedTopicRegex == "ev.*")
            #expect(member.memberType == (version == 0 ? -1 : 1))
            #expect(member.assignment == member.targetAssignment)
            #expect(member.assignment.topicPartitions.map(\.topicName) == ["events"])
            #expect(member.assignment.topicPartitions.map(\.partitions) == [[0, 1, 2]])
        }
    }

    @Test func membersOfBothProtocolsAreToldApart() throws {
        let broker = try broker()
        let client = try broker.client()
        _ = try client.ask(heartbeat("g", "m", 0), version: 1)
        var join = JoinGroupRequest()
        join.groupId = "g"
        join.sessionTimeoutMs = 10_000
        join.rebalanceTimeoutMs = 10_000
        join.protocolType = "consumer"
        join.protocols = [
            JoinGroupRequest.GroupProtocol {
                $0.name = "range"
                $0.metadata = CoordinatorFixture.subscription("events")
            }
        ]
        // Version 3 joins at once.
        let joined = try client.ask(join, version: 3)
        #expect(joined.errorCode == .none && joined.leader == "" && joined.generationId == 2)
        var request = ConsumerGroupDescribeRequest()
        request.groupIds = ["g"]
        for version in [Int16(0), 1] {
            let members = try client.ask(request, version: version).groups[0].members
            let types = members.map { "\($0.memberId == "m") \($0.memberType)" }.sorted()
            #expect(types == (version == 0 ? ["false -1", "true -1"] : ["false 0", "true 1"]))
        }
        let listed = try client.ask(ListGroupsRequest(), version: 5).groups
        #expect(listed.map(\.groupType) == ["consumer"])
        // The last of the consumer protocol goes, and the group is another.
        _ = try client.ask(heartbeat("g", "m", -1), version: 1)
        let after = try client.ask(ListGroupsRequest(), version: 5).groups
        #expect(after.map { "\($0.groupType) \($0.groupState)" } == ["classic PreparingRebalance"])
        var describe = DescribeGroupsRequest()
        describe.groups = ["g"]
        #expect(try client.ask(describe, version: 6).groups[0].members.count == 1)
        #expect(
            try client.ask(request, version: 1).groups[0].errorCode == .groupIdNotFound)
    }

    @Test func offsetsAreFetchedInTheMembersEpoch() throws {
        let broker = try broker()
        let client = try broker.client()
        _ = try client.ask(heartbeat("g", "m", 0), version: 1)
        func fetch(_ memberID: String?, _ epoch: Int32) throws -> ErrorCode {
            var request = OffsetFetchRequest()
            request.groups = [
                OffsetFetchRequest.Group {
                    $0.groupId = "g"
                    $0.memberId = memberID
                    $0.memberEpoch = epoch
                }
            ]
            return try client.ask(request, version: 9).groups[0].errorCode
        }
        #expect(try fetch("m", 1) == .none)
        #expect(try fetch(nil, -1) == .none)
        #expect(try fetch("m", 0) == .staleMemberEpoch)
        #expect(try fetch("x", 1) == .unknownMemberId)
    }

    @Test func settingsReachTheGroups() throws {
        let settings = GroupSettings(
            try BrokerSettings([
                "offset.metadata.max.bytes": "7", "group.consumer.migration.policy": "upgrade",
                "group.max.size": "3", "group.consumer.max.size": "4",
            ]))
        #expect(settings.offsetMetadataBytesMax == 7)
        #expect(settings.migration == .upgrade)
        #expect(settings.limits.membersMax == 3 && settings.consumers.membersMax == 4)
        #expect(GroupSettings(try BrokerSettings([:])).migration == .bidirectional)
    }

    @Test func settingsThatContradictEachOtherAreRefused() {
        for (name, value) in [
            ("group.consumer.session.timeout.ms", "44999"),
            ("group.consumer.session.timeout.ms", "60001"),
            ("group.consumer.heartbeat.interval.ms", "4999"),
            ("group.consumer.heartbeat.interval.ms", "15001"),
            ("group.consumer.assignors", "uniform,sticky"), ("group.consumer.assignors", ""),
            ("group.consumer.migration.policy", "both"),
        ] {
            #expect(throws: BrokerError.self, "\(name)=\(value)") {
                try BrokerSettings([name: value])
            }
        }
        #expect(throws: Never.self) {
            try BrokerSettings([
                "group.consumer.session.timeout.ms": "2000",
                "group.consumer.min.session.timeout.ms": "1000",
                "group.consumer.assignors": "range, uniform",
            ])
        }
    }
}
