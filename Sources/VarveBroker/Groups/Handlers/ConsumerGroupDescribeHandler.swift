internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// ConsumerGroupDescribe (69): groups of the consumer protocol; others are not found.
enum ConsumerGroupDescribeHandler: RequestHandler {
    typealias Request = ConsumerGroupDescribeRequest
    private typealias Described = ConsumerGroupDescribeResponse.Group
    private typealias Assignment = ConsumerGroupDescribeResponse.Assignment

    /// What protocol a member is of, in Kafka's numbers.
    private static let consumerType: Int8 = 1
    private static let classicType: Int8 = 0

    static func handle(
        _ request: ConsumerGroupDescribeRequest, context: RequestContext
    ) -> Reply<ConsumerGroupDescribeResponse> {
        var response = ConsumerGroupDescribeResponse()
        response.groups = request.groupIds.map { id in
            var group = describe(id, context)
            group.groupId = id
            if request.includeAuthorizedOperations && group.errorCode == .none {
                group.authorizedOperations = context.authorizedOperations(.group(id))
            }
            return group
        }
        return .now(response)
    }

    private static func describe(_ id: String, _ context: RequestContext) -> Described {
        var group = Described()
        let groups = context.broker.groups
        if let error = context.refusal(.describe, .group(id)) {
            group.errorCode = error
            return group
        }
        if id.isEmpty {
            group.errorCode = .invalidGroupId
            return group
        }
        if let error = groups.unavailability(of: id) {
            group.errorCode = error
            return group
        }
        guard let found = groups.describeConsumers(id) else {
            let isClassic = groups.describe(id) != nil
            group.errorCode = .groupIdNotFound
            group.errorMessage =
                isClassic ? "Group \(id) is not a consumer group." : "Group \(id) not found."
            group.groupState = ConsumerGroup.State.dead.rawValue
            return group
        }
        group.groupState = found.state.rawValue
        group.groupEpoch = found.epoch
        group.assignmentEpoch = found.assignmentEpoch
        group.assignorName = found.assignor.rawValue
        group.members = found.members.values.sorted { $0.id < $1.id }.map { member in
            ConsumerGroupDescribeResponse.Member {
                $0.memberId = member.id
                $0.instanceId = member.instanceID
                $0.rackId = member.rackID
                $0.memberEpoch = member.epoch
                $0.clientId = member.clientID
                $0.clientHost = member.clientHost
                $0.subscribedTopicNames = member.topicNames
                $0.subscribedTopicRegex = member.topicPattern
                $0.assignment = assignment(member.assigned, context)
                $0.targetAssignment = assignment(member.target, context)
                $0.memberType = member.classic == nil ? consumerType : classicType
            }
        }
        return hidesNothing(group, context) ? group : hidden
    }

    /// Whether the client may know of all topics in the assignments.
    private static func hidesNothing(_ group: Described, _ context: RequestContext) -> Bool {
        let assignments = group.members.flatMap { [$0.assignment, $0.targetAssignment] }
        return Set(assignments.flatMap { $0.topicPartitions.map(\.topicName) })
            .allSatisfy { context.allows(.describe, .topic($0)) }
    }

    /// A group of whose topics the client may not know.
    private static let hidden = Described {
        $0.errorCode = ResourceType.topic.refusal
        $0.errorMessage =
            "The group has described topic(s) that the client is not authorized to describe."
    }

    /// By name as well; without the topics that are gone.
    private static func assignment(
        _ partitions: PartitionSet, _ context: RequestContext
    ) -> Assignment {
        Assignment {
            $0.topicPartitions = partitions.byTopic.compactMap { id, numbers in
                guard let topic = context.broker.directory.topic(id: id) else { return nil }
                return ConsumerGroupDescribeResponse.TopicPartitions {
                    $0.topicId = id
                    $0.topicName = topic.name
                    $0.partitions = numbers
                }
            }
        }
    }
}
