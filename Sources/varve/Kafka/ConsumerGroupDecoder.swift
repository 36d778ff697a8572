internal import VarvePlatform
internal import VarveWire

/// The consumer groups' records of `__consumer_offsets` (KIP-848) as JSON, for `OffsetsDecoder`:
/// the fields under the names that Kafka's message definitions give them.
enum ConsumerGroupDecoder {
    static func key(_ key: ConsumerGroupKey) -> JSON {
        var members: [(name: String, value: JSON)] = [("groupId", .string(key.group))]
        if !key.member.isEmpty { members.append(("memberId", .string(key.member))) }
        return .object(members)
    }

    /// The value of a record whose key has `version`, 3 to 8.
    static func value(_ bytes: ByteSlice, version: Int16) throws(WireError) -> JSON {
        switch version {
        case 3:
            let value = try ConsumerGroupMetadataValue.decode(bytes)
            return .object([("epoch", .int(Int64(value.epoch)))])
        case 4:
            let value = try ConsumerGroupPartitionMetadataValue.decode(bytes)
            return .object([("topics", .array(value.topics.map(topic)))])
        case 5:
            return member(try ConsumerGroupMemberMetadataValue.decode(bytes))
        case 6:
            let value = try ConsumerGroupTargetMetadataValue.decode(bytes)
            return .object([("assignmentEpoch", .int(Int64(value.assignmentEpoch)))])
        case 7:
            let value = try ConsumerGroupTargetMemberValue.decode(bytes)
            return .object([("topicPartitions", partitions(value.topicPartitions))])
        default:
            let value = try ConsumerGroupCurrentMemberValue.decode(bytes)
            return .object([
                ("memberEpoch", .int(Int64(value.memberEpoch))),
                ("previousMemberEpoch", .int(Int64(value.previousMemberEpoch))),
                ("state", .int(Int64(value.state))),
                ("assignedPartitions", partitions(value.assignedPartitions)),
                ("partitionsPendingRevocation", partitions(value.partitionsPendingRevocation)),
            ])
        }
    }

    private static func topic(_ topic: ConsumerGroupPartitionMetadataValue.Topic) -> JSON {
        .object([
            ("topicId", .string(topic.topicId.description)),
            ("topicName", .string(topic.topicName)),
            ("numPartitions", .int(Int64(topic.numPartitions))),
        ])
    }

    private static func member(_ value: ConsumerGroupMemberMetadataValue) -> JSON {
        func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
        return .object([
            ("instanceId", text(value.instanceId)), ("rackId", text(value.rackId)),
            ("clientId", .string(value.clientId)), ("clientHost", .string(value.clientHost)),
            ("subscribedTopicNames", .array(value.subscribedTopicNames.map { .string($0) })),
            ("subscribedTopicRegex", text(value.subscribedTopicRegex)),
            ("rebalanceTimeoutMs", .int(Int64(value.rebalanceTimeoutMs))),
            ("serverAssignor", text(value.serverAssignor)),
        ])
    }

    private static func partitions(_ topics: [ConsumerTopicPartitions]) -> JSON {
        .array(
            topics.map { topic in
                .object([
                    ("topicId", .string(topic.topicId.description)),
                    ("partitions", .array(topic.partitions.map { .int(Int64($0)) })),
                ])
            })
    }
}
