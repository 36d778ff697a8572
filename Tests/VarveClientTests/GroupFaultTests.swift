import Testing
import VarveBroker
import VarveClient
import VarvePlatform
import VarveRecords
import VarveWire

/// What a group member makes of a coordinator's errors.
@Suite struct GroupFaultTests {
    /// A coordinator of one member, which gets partition 0 of "t" in every generation.
    final class FakeGroup: Sendable {
        struct State {
            var generation: Int32 = 0
            var memberIDs: [String] = []
            var heartbeats: [ErrorCode] = []
            var joins: [ErrorCode] = []
            var commits: [ErrorCode] = []
            var committed: [(generation: Int32, offset: Int64)] = []
            var left: [String] = []
            var coordinatorLookups = 0
        }
        let state = Lock(State())

        /// Assigns partition 0 of "t".
        let syncResponse: @Sendable () throws -> SyncGroupResponse = {
            var topic = ConsumerAssignment.TopicPartitions()
            topic.topic = "t"
            topic.partitions = [0]
            var assignment = ConsumerAssignment()
            assignment.assignedPartitions = [topic]
            var response = SyncGroupResponse()
            response.assignment = try assignment.encoded()
            return response
        }

        init(_ broker: FakeBroker) {
            let endpoint = broker.endpoint
            broker.answer(FindCoordinatorRequest.self) { [state] request, header in
                state.withLock { $0.coordinatorLookups += 1 }
                var coordinator = FindCoordinatorResponse.Coordinator()
                coordinator.nodeId = 1
                coordinator.host = endpoint.host
                coordinator.port = Int32(endpoint.port)
                var response = FindCoordinatorResponse()
                response.coordinators = [coordinator]
                return response
            }
            broker.answer(JoinGroupRequest.self) { [state] request, _ in
                state.withLock { state in
                    var response = JoinGroupResponse()
                    if !state.joins.isEmpty {
                        response.errorCode = state.joins.removeFirst()
                        if response.errorCode == .memberIdRequired { response.memberId = "given" }
                        if response.errorCode != .none { return response }
                    }
                    state.generation += 1
                    state.memberIDs.append(request.memberId)
                    response.generationId = state.generation
                    response.protocolType = "consumer"
                    response.protocolName = request.protocols[0].name
                    response.memberId = request.memberId.isEmpty ? "new" : request.memberId
                    response.leader = "somebody else"
                    return response
                }
            }
            broker.answer(SyncGroupRequest.self) { [syncResponse] _, _ in try syncResponse() }
            broker.answer(HeartbeatRequest.self) { [state] _, _ in
                var response = HeartbeatResponse()
                response.errorCode = state.withLock {
                    $0.heartbeats.isEmpty ? .none : $0.heartbeats.removeFirst()
                }
                return response
            }
            broker.answer(OffsetFetchRequest.self) { _, _ in
                var response = OffsetFetchResponse()
                response.groups = [OffsetFetchResponse.Group()]
                return response
            }
            broker.answer(OffsetCommitRequest.self) { [state] request, _ in
                var partition = OffsetCommitResponse.Partition()
                partition.errorCode = state.withLock { state in
                    if !state.commits.isEmpty { return state.commits.removeFirst() }
                    state.committed.append(
                        (
                            request.generationIdOrMemberEpoch,
                            request.topics[0].partitions[0].committedOffset
                        ))
                    return .none
                }
                var topic = OffsetCommitResponse.Topic()
                topic.name = "t"
                topic.partitions = [partition]
                var response = OffsetCommitResponse()
                response.topics = [topic]
                return response
            }
            broker.answer(LeaveGroupRequest.self) { [state] request, _ in
                state.withLock { $0.left += request.members.map(\.memberId) }
                return LeaveGroupResponse()
            }
            broker.answer(ListOffsetsRequest.self) { request, _ in
                var partition = ListOffsetsResponse.Partition()
                partition.offset = 0
                var topic = ListOffsetsResponse.Topic()
                topic.name = "t"
                topic.partitions = [partition]
                var response = ListOffsetsResponse()
                response.topics = [topic]
                return response
            }
            broker.answer(FetchRequest.self) { request, _ in
                var response = FetchResponse()
                response.responses = request.topics.map { asked in
                    var topic = FetchResponse.Topic()
                    topic.topic = asked.topic
                    topic.partitions = [FetchResponse.Partition()]
                    return topic
                }
                return response
            }
        }
    }

    /// Writes down the listener's calls.
    final class Diary: RebalanceListener {
        let entries = Collector<String>()
        /// Runs in `revoked`.
        let whenRevoked: @Sendable () async -> Void
        init(_ whenRevoked: @escaping @Sendable () async -> Void = {}) {
            self.whenRevoked = whenRevoked
        }
        func assigned(_ partitions: [TopicPartition]) async { entries.add("assigned") }
        func revoked(_ partitions: [TopicPartition]) async {
            await whenRevoked()
            entries.add("revoked")
        }
        func lost(_ partitions: [TopicPartition]) async { entries.add("lost") }
    }

    private static let zero = TopicPartition(topic: "t", partition: 0)

    private func member(
        _ broker: FakeBroker, _ listener: any RebalanceListener,
        _ change: (inout ConsumerConfiguration) -> Void = { _ in }
    ) throws -> (Consumer, Cluster) {
        let cluster = testClient([broker.endpoint])
        var configuration = ConsumerConfiguration(groupID: "g", topics: ["t"])
        configuration.heartbeatIntervalMilliseconds = 20
        configuration.fetchWaitMilliseconds = 20
        change(&configuration)
        return (try Consumer(cluster, configuration, rebalance: listener), cluster)
    }

    @Test func memberIDIsTakenAndGivenBackAtTheEnd() async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        group.state.withLock { $0.joins = [.memberIdRequired] }
        let (consumer, cluster) = try member(broker, diary)
        try await eventually { diary.entries.values == ["assigned"] }
        await consumer.close()
        #expect(diary.entries.values == ["assigned", "revoked"])
        #expect(group.state.withLock { $0.memberIDs } == ["given"])
        #expect(group.state.withLock { $0.left } == ["given"])
        await cluster.close()
    }

    @Test func passingErrorsOfAJoinAreOutwaited() async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        group.state.withLock {
            $0.joins = [
                .coordinatorLoadInProgress, .notCoordinator, .unknownMemberId, .unknownServerError,
                .invalidRequest, .rebalanceInProgress,
            ]
        }
        let (consumer, cluster) = try member(broker, diary)
        try await eventually { diary.entries.values == ["assigned"] }
        #expect(group.state.withLock { $0.coordinatorLookups } > 1)
        await consumer.close()
        await cluster.close()
    }

    @Test(arguments: [ErrorCode.unknownMemberId, .illegalGeneration])
    func lostMembershipIsToldAndJoinedAnew(_ code: ErrorCode) async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        let (consumer, cluster) = try member(broker, diary)
        try await eventually { diary.entries.values == ["assigned"] }
        group.state.withLock { $0.heartbeats = [code] }
        try await eventually { diary.entries.values == ["assigned", "lost", "assigned"] }
        // With the generation the place is lost, with the id the member.
        #expect(
            group.state.withLock { $0.memberIDs } == ["", code == .unknownMemberId ? "" : "new"])
        await consumer.close()
        await cluster.close()
    }

    @Test func nothingIsPolledBeforeTheListenerKnows() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 1)
        _ = try await broker.broker.append(topic: "t", records: [.init("early")])
        final class Slow: RebalanceListener {
            let isCalled = Lock(false)
            let release = Lock(false)
            func assigned(_ partitions: [TopicPartition]) async {
                isCalled.withLock { $0 = true }
                while !release.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(5)) }
            }
            func revoked(_ partitions: [TopicPartition]) async {}
            func lost(_ partitions: [TopicPartition]) async {}
        }
        let cluster = broker.client()
        let slow = Slow()
        let consumer = try Consumer(
            cluster, ConsumerConfiguration(groupID: "g", topics: ["t"]), rebalance: slow)
        try await eventually { slow.isCalled.withLock { $0 } }
        #expect(try await consumer.poll(timeoutMilliseconds: 200).isEmpty)
        slow.release.withLock { $0 = true }
        #expect(try await consumer.collect(1)[0].value == "early")
        await consumer.close()
        await cluster.close()
    }

    @Test func heartbeatsGoOnWhileTheListenerIsBusy() async throws {
        let broker = try FakeBroker()
        let release = Lock(false)
        let diary = Diary {
            while !release.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(5)) }
        }
        let group = FakeGroup(broker)
        // Range is eager: everything is given up before the join.
        let (consumer, cluster) = try member(broker, diary) { $0.assignors = [.range] }
        try await eventually { diary.entries.values == ["assigned"] }
        group.state.withLock { $0.heartbeats = [.rebalanceInProgress] }
        try await eventually { group.state.withLock { $0.heartbeats.isEmpty } }
        let before = broker.requests.filter { $0.api == .heartbeat }.count
        try await eventually { broker.requests.filter { $0.api == .heartbeat }.count > before + 5 }
        #expect(group.state.withLock { $0.generation } == 1)
        // What is about to be given up can still be committed.
        try await consumer.commit([Self.zero: 5])
        #expect(group.state.withLock { $0.committed.map(\.offset) } == [5])
        release.withLock { $0 = true }
        try await eventually { diary.entries.values == ["assigned", "revoked", "assigned"] }
        await consumer.close()
        await cluster.close()
    }

    @Test func cooperativeMemberKeepsWhatStaysThroughARebalance() async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        let (consumer, cluster) = try member(broker, diary)
        try await eventually { diary.entries.values == ["assigned"] }
        group.state.withLock { $0.heartbeats = [.rebalanceInProgress] }
        try await eventually { group.state.withLock { $0.generation } == 2 }
        try await Task.sleep(for: .milliseconds(50))
        #expect(diary.entries.values == ["assigned"])
        #expect(consumer.assignment == [Self.zero])
        await consumer.close()
        await cluster.close()
    }

    @Test func commitOutwaitsARebalanceAndAMovedCoordinator() async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        let (consumer, cluster) = try member(broker, diary)
        try await eventually { diary.entries.values == ["assigned"] }
        let lookups = group.state.withLock { state in
            state.commits = [.rebalanceInProgress, .notCoordinator, .coordinatorLoadInProgress]
            return state.coordinatorLookups
        }
        try await consumer.commit([Self.zero: 9])
        #expect(group.state.withLock { $0.committed.map(\.offset) } == [9])
        #expect(group.state.withLock { $0.coordinatorLookups } > lookups)
        await #expect(throws: ClientError.self) {
            try await consumer.commit([TopicPartition(topic: "t", partition: 1): 1])
        }
        await consumer.close()
        await cluster.close()
    }

    @Test(arguments: [
        ErrorCode.inconsistentGroupProtocol, .invalidSessionTimeout, .fencedInstanceId,
        .groupMaxSizeReached,
    ])
    func groupThatDoesNotTakeUsIsToldByPoll(_ code: ErrorCode) async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        group.state.withLock { $0.joins = [code] }
        let (consumer, cluster) = try member(broker, diary)
        for _ in 0..<2 {
            let error = await #expect(throws: ClientError.self) {
                _ = try await consumer.poll(timeoutMilliseconds: 60_000)
            }
            #expect(error?.code == code)
        }
        #expect(diary.entries.values.isEmpty)
        await consumer.close()
        await cluster.close()
    }

    /// An administrator may give the right while the program runs.
    @Test func groupThatAccessRulesKeepUsFromIsToldByPollAndTriedAgain() async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        group.state.withLock {
            $0.joins = [.groupAuthorizationFailed, .groupAuthorizationFailed]
        }
        let (consumer, cluster) = try member(broker, diary)
        let error = await #expect(throws: ClientError.self) {
            _ = try await consumer.poll(timeoutMilliseconds: 60_000)
        }
        #expect(error?.code == .groupAuthorizationFailed)
        #expect(error.map { "\($0)" }?.contains("super.users") == true)
        try await eventually { diary.entries.values == ["assigned"] }
        await consumer.close()
        await cluster.close()
    }

    @Test func answersThatDoNotReadAreNoReasonToGiveUp() async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        let syncs = Lock(0)
        let good = group.syncResponse
        broker.answerRaw(.syncGroup) { header, _, _ in
            let number = syncs.withLock { syncs in
                syncs += 1
                return syncs
            }
            var writer = ByteWriter()
            writer.int32(header.correlationId)
            if number == 1 { writer.bytes([1, 2, 3]) }
            if number == 2 {
                // Version 5: no tags, throttle, REBALANCE_IN_PROGRESS, null, null, null, no tags.
                writer.bytes([0, 0, 0, 0, 0, 0, 27, 0, 0, 0, 0])
            }
            guard number < 3 else {
                return try encodeResponse(
                    try good(), api: .syncGroup, version: header.apiVersion,
                    correlationId: header.correlationId)
            }
            let body = writer.finish()
            writer.int32(Int32(body.count))
            writer.bytes(body)
            return [writer.finish()]
        }
        let (consumer, cluster) = try member(broker, diary)
        try await eventually { diary.entries.values == ["assigned"] }
        #expect(group.state.withLock { $0.generation } == 3)
        await consumer.close()
        await cluster.close()
    }

    @Test func fencedStaticMemberStopsInsteadOfFightingForItsPlace() async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        let (consumer, cluster) = try member(broker, diary) { $0.groupInstanceID = "a" }
        try await eventually { diary.entries.values == ["assigned"] }
        group.state.withLock { $0.heartbeats = [.fencedInstanceId] }
        try await eventually { diary.entries.values == ["assigned", "lost"] }
        let error = await #expect(throws: ClientError.self) {
            _ = try await consumer.poll(timeoutMilliseconds: 60_000)
        }
        #expect(error?.code == .fencedInstanceId)
        #expect(group.state.withLock { $0.generation } == 1)
        await consumer.close()
        #expect(group.state.withLock { $0.left }.isEmpty)
        await cluster.close()
    }

    @Test func closingDoesNotWaitForAJoinThatIsHeld() async throws {
        let broker = try FakeBroker()
        let (group, diary) = (FakeGroup(broker), Diary())
        let isHeld = Lock(false)
        broker.answerRaw(.joinGroup) { _, _, _ in
            isHeld.withLock { $0 = true }
            return []
        }
        let (consumer, cluster) = try member(broker, diary)
        try await eventually { isHeld.withLock { $0 } }
        let start = SystemClock().monotonicMilliseconds()
        await consumer.close()
        // The join would be held for the rebalance timeout, five minutes.
        #expect(SystemClock().monotonicMilliseconds() - start < 60_000)
        #expect(group.state.withLock { $0.generation } == 0)
        await cluster.close()
    }
}
