internal import VarveWire

extension Admin {
    /// The groups of all brokers, sorted by id.
    package func listGroups() async throws(ClientError) -> [GroupListing] {
        try await cluster.retrying { () async throws(ClientError) in
            var groups: [String: GroupListing] = [:]
            for broker in try await cluster.metadata(topics: []).brokers {
                let response = try await cluster.send(
                    ListGroupsRequest(), to: .broker(broker.id)
                ).response
                guard response.errorCode == .none else {
                    throw .kafka(response.errorCode, "groups of broker \(broker.id)")
                }
                for group in response.groups {
                    groups[group.groupId] = GroupListing(
                        groupID: group.groupId, protocolType: group.protocolType,
                        state: group.groupState, groupType: group.groupType)
                }
            }
            return groups.values.sorted { $0.groupID < $1.groupID }
        }
    }

    /// Groups with their members, in the order asked for. A group that nobody knows has the state
    /// "Dead" and no members, as Kafka says it.
    package func describeGroups(
        _ groupIDs: [String]
    ) async throws(ClientError) -> [GroupDescription] {
        var result: [GroupDescription] = []
        for groupID in groupIDs {
            result.append(
                try await cluster.retrying { () async throws(ClientError) in
                    try await describe(groupID)
                })
        }
        return result
    }

    /// Deletes groups without members, with their offsets, and says of each how it went.
    package func deleteGroups(_ groupIDs: [String]) async throws(ClientError) -> [AdminResult] {
        var result: [AdminResult] = []
        for groupID in groupIDs {
            var request = DeleteGroupsRequest()
            request.groupsNames = [groupID]
            do throws(ClientError) {
                try await cluster.retrying { () async throws(ClientError) in
                    let response = try await cluster.sendToCoordinator(of: groupID, request)
                        .response
                    let code = response.results.first?.errorCode ?? .unknownServerError
                    cluster.noteCoordinatorError(code, of: groupID)
                    guard code == .none else { throw .kafka(code, "group \(groupID)") }
                }
                result.append(AdminResult(name: groupID, error: nil))
            } catch {
                guard case .kafka = error else { throw error }
                result.append(AdminResult(name: groupID, error: error))
            }
        }
        return result
    }

    private func describe(_ groupID: String) async throws(ClientError) -> GroupDescription {
        var request = DescribeGroupsRequest()
        request.groups = [groupID]
        let coordinator = try await cluster.coordinator(of: groupID)
        let response = try await cluster.sendToCoordinator(of: groupID, request).response
        guard let group = response.groups.first else {
            throw .wire(.invalid("no answer for group \(groupID)"))
        }
        cluster.noteCoordinatorError(group.errorCode, of: groupID)
        var description = GroupDescription(
            groupID: groupID, state: group.groupState, protocolType: group.protocolType,
            assignor: group.protocolData, coordinator: coordinator, members: [])
        if group.errorCode == .groupIdNotFound || group.groupState == "Dead" {
            let other = try await describeConsumerGroup(groupID, coordinator: coordinator)
            description.state = "Dead"
            return other ?? description
        }
        guard group.errorCode == .none else {
            throw .kafka(group.errorCode, group.errorMessage ?? "group \(groupID)")
        }
        let isConsumer = group.protocolType == ConsumerProtocol.type
        description.members = group.members.map { member in
            GroupMember(
                memberID: member.memberId, instanceID: member.groupInstanceId,
                clientID: member.clientId, host: member.clientHost,
                topics: isConsumer ? ConsumerProtocol.topics(member.memberMetadata) : [],
                assignment: isConsumer
                    ? ConsumerProtocol.partitions(member.memberAssignment) : [])
        }
        return description
    }
}
