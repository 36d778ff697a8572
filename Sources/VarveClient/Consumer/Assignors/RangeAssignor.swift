/// Each topic's partitions in order, cut into as many pieces as it has subscribers, sorted; the
/// first pieces are the larger ones. Source: Kafka's RangeAssignor.
enum RangeAssignor {
    static func assign(
        _ members: [AssignmentMember], _ partitionCounts: [String: Int]
    ) -> [String: [TopicPartition]] {
        var result = Dictionary(
            members.map { ($0.id, [TopicPartition]()) }, uniquingKeysWith: { first, _ in first })
        for (topic, count) in partitionCounts {
            let subscribers = members.filter { $0.topics.contains(topic) }.sorted(by: precedes)
            guard !subscribers.isEmpty else { continue }
            let (each, extra) = count.quotientAndRemainder(dividingBy: subscribers.count)
            var next = 0
            for (index, member) in subscribers.enumerated() {
                let share = each + (index < extra ? 1 : 0)
                for partition in next..<next + share {
                    result[member.id]!.append(
                        TopicPartition(topic: topic, partition: Int32(partition)))
                }
                next += share
            }
        }
        return result.mapValues { $0.sorted() }
    }

    /// Static members first, by name; then the others by id (AbstractPartitionAssignor.MemberInfo).
    private static func precedes(_ left: AssignmentMember, _ right: AssignmentMember) -> Bool {
        switch (left.instanceID, right.instanceID) {
        case (let a?, let b?): a < b
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil): left.id < right.id
        }
    }
}
