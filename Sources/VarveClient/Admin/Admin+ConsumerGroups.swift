internal import VarveWire

/// Groups of the consumer protocol (KIP-848), which DescribeGroups does not show.
extension Admin {
    /// The group with its members; nil when there is none of that name and protocol, or the
    /// broker does not know the protocol.
    func describeConsumerGroup(
        _ groupID: String, coordinator: Int32
    ) async throws(ClientError) -> GroupDescription? {
        var request = ConsumerGroupDescribeRequest()
        request.groupIds = [groupID]
        let response: ConsumerGroupDescribeResponse
        do throws(ClientError) {
            response = try await cluster.sendToCoordinator(of: groupID, request).response
        } catch {
            if case .unsupported = error { return nil }
            throw error
        }
        guard let group = response.groups.first else {
            throw .wire(.invalid("no answer for group \(groupID)"))
        }
        cluster.noteCoordinatorError(group.errorCode, of: groupID)
        if group.errorCode == .groupIdNotFound { return nil }
        guard group.errorCode == .none else {
            throw .kafka(group.errorCode, group.errorMessage ?? "group \(groupID)")
        }
        return GroupDescription(
            groupID: groupID, state: group.groupState, protocolType: ConsumerProtocol.type,
            assignor: group.assignorName, coordinator: coordinator,
            members: group.members.map { member in
                GroupMember(
                    memberID: member.memberId, instanceID: member.instanceId,
                    clientID: member.clientId, host: member.clientHost,
                    topics: member.subscribedTopicNames,
                    assignment: member.assignment.topicPartitions.flatMap { topic in
                        topic.partitions.map {
                            TopicPartition(topic: topic.topicName, partition: $0)
                        }
                    })
            })
    }
}
