internal import VarvePlatform
internal import VarveWire

extension GroupMembership {
    /// One generation, as the join that began it told us.
    struct Joined {
        let generation: Int32
        let assignor: PartitionAssignor
        let isLeader: Bool
        /// The leader has nothing to assign: a static member came back unchanged (KIP-814).
        let skipsAssignment: Bool
        let members: [AssignmentMember]
        let partitionCounts: [String: Int]
    }

    /// Joins the group: returns when the coordinator has all members together.
    func join(_ watcher: UInt64) async throws(ClientError) -> Joined {
        while true {
            let response = try await joinRequest()
            switch response.errorCode {
            case .none: return try await joined(response, watcher)
            case .memberIdRequired:
                // The coordinator has given us an id; the join itself comes with it (KIP-394).
                state.withLock { $0.memberID = response.memberId }
            case .unknownMemberId, .illegalGeneration:
                forgetMembership(forgetsID: true)
                throw .kafka(response.errorCode, "join of group \(groupID)")
            case let code:
                cluster.noteCoordinatorError(code, of: groupID)
                throw .kafka(code, "join of group \(groupID)")
            }
        }
    }

    private func joinRequest() async throws(ClientError) -> JoinGroupResponse {
        let (memberID, owned, generation) = state.withLock { state in
            state.isJoining = true
            // From here on only a new reason makes us join once more.
            state.mustJoin = false
            return (state.memberID, state.owned, state.generation)
        }
        var request = JoinGroupRequest()
        request.groupId = groupID
        request.sessionTimeoutMs = Int32(clamping: configuration.sessionTimeoutMilliseconds)
        request.rebalanceTimeoutMs = Int32(clamping: configuration.rebalanceTimeoutMilliseconds)
        request.memberId = memberID
        request.groupInstanceId = configuration.groupInstanceID
        request.protocolType = ConsumerProtocol.type
        for assignor in configuration.assignors {
            var entry = JoinGroupRequest.GroupProtocol()
            entry.name = assignor.rawValue
            entry.metadata = try ConsumerProtocol.subscription(
                configuration.topics, owned: assignor.isCooperative ? owned : [],
                generation: generation)
            request.protocols.append(entry)
        }
        // The coordinator answers when all have joined, at the latest after the longest rebalance
        // timeout of a member; ours stands for it.
        return try await cluster.sendToCoordinator(
            of: groupID, request, lane: joinLane,
            timeoutMilliseconds: configuration.rebalanceTimeoutMilliseconds
                + cluster.configuration.requestTimeoutMilliseconds
        ).response
    }

    private func joined(
        _ response: JoinGroupResponse, _ watcher: UInt64
    ) async throws(ClientError) -> Joined {
        let name = response.protocolName ?? ""
        guard let assignor = PartitionAssignor(rawValue: name) else {
            throw .kafka(.inconsistentGroupProtocol, "the group assigns by \"\(name)\"")
        }
        let isLeader = response.leader == response.memberId
        state.withLock { state in
            state.memberID = response.memberId
            state.generation = response.generationId
            state.assignor = assignor
            state.assignedFrom = nil
        }
        var members: [AssignmentMember] = []
        var counts: [String: Int] = [:]
        if isLeader {
            for member in response.members {
                members.append(
                    try ConsumerProtocol.member(
                        id: member.memberId, instanceID: member.groupInstanceId, member.metadata))
            }
            // Other members may want topics that this one does not.
            let topics = Set(members.flatMap(\.topics))
            cluster.watch(watcher, topics: topics)
            let metadata = try await cluster.metadata(
                topics: topics.sorted(),
                allowAutoTopicCreation: configuration.allowAutoTopicCreation)
            for topic in metadata.topics where topic.error == .none {
                counts[topic.name] = topic.partitions.count
            }
            let all = Dictionary(uniqueKeysWithValues: topics.map { ($0, counts[$0] ?? 0) })
            state.withLock { $0.assignedFrom = all }
        }
        return Joined(
            generation: response.generationId, assignor: assignor, isLeader: isLeader,
            skipsAssignment: response.skipAssignment, members: members, partitionCounts: counts)
    }

    /// Brings the leader's assignment to the coordinator, and gets ours from it.
    func sync(_ joined: Joined) async throws(ClientError) -> [TopicPartition] {
        var request = SyncGroupRequest()
        let memberID = state.withLock { $0.memberID }
        request.groupId = groupID
        request.generationId = joined.generation
        request.memberId = memberID
        request.groupInstanceId = configuration.groupInstanceID
        request.protocolType = ConsumerProtocol.type
        request.protocolName = joined.assignor.rawValue
        if joined.isLeader && !joined.skipsAssignment {
            let shares = joined.assignor.assign(
                joined.members, partitionCounts: joined.partitionCounts)
            for (member, partitions) in shares {
                var entry = SyncGroupRequest.Assignment()
                entry.memberId = member
                entry.assignment = try ConsumerProtocol.assignment(partitions)
                request.assignments.append(entry)
            }
        }
        let response = try await cluster.sendToCoordinator(
            of: groupID, request, lane: joinLane,
            timeoutMilliseconds: configuration.rebalanceTimeoutMilliseconds
                + cluster.configuration.requestTimeoutMilliseconds
        ).response
        switch response.errorCode {
        case .none: break
        case .unknownMemberId, .illegalGeneration:
            forgetMembership(forgetsID: response.errorCode == .unknownMemberId)
            throw .kafka(response.errorCode, "sync of group \(groupID)")
        case let code:
            cluster.noteCoordinatorError(code, of: groupID)
            throw .kafka(code, "sync of group \(groupID)")
        }
        let assignment = try ConsumerProtocol.decodeAssignment(response.assignment)
        state.withLock { state in
            state.isJoining = false
            state.mustJoin = false
        }
        return assignment
    }

    /// The coordinator does not count us as a member any more: `run` tells the listener, and joins.
    func forgetMembership(forgetsID: Bool) {
        state.withLock { state in
            if forgetsID { state.memberID = "" }
            state.generation = -1
            state.assignedFrom = nil
            state.isLost = true
            state.mustJoin = true
        }
    }
}
