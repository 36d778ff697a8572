internal import VarvePlatform

/// What an assignor has to share out, and among whom.
struct AssignorInput {
    struct Member {
        let id: String
        let instanceID: String?
        /// Places in `topics`, ascending.
        let topics: [Int]
        /// What it was to have before.
        let previous: PartitionSet
    }

    /// By name; each is read by a member at least.
    let topics: [CatalogTopic]
    /// By id.
    let members: [Member]
}

/// The ways to share partitions out that the broker knows (`group.consumer.assignors`). Each gives
/// every partition of a topic to exactly one of the topic's subscribers, and the same input gives
/// the same result.
package enum Assignor: String, CaseIterable, Sendable {
    /// Balanced over all topics, and moving as little as it can.
    case uniform
    /// Runs of partitions for each topic; topics alike are shared out alike.
    case range

    /// What each of the members is to have.
    func assign(_ input: AssignorInput) -> [PartitionSet] {
        switch self {
        case .uniform: UniformAssignor.assign(input)
        case .range: RangeAssignor.assign(input)
        }
    }
}

/// Contiguous runs of each topic's partitions, in the order of its subscribers: static members
/// first, by instance id, so that a restart under a new member id changes nothing. Topics of as
/// many partitions and the same subscribers are shared out in the same numbers.
enum RangeAssignor {
    static func assign(_ input: AssignorInput) -> [PartitionSet] {
        let order = input.members.indices.sorted { left, right in
            let (left, right) = (input.members[left], input.members[right])
            switch (left.instanceID, right.instanceID) {
            case (let left?, let right?): return left < right
            case (_?, nil): return true
            case (nil, _?): return false
            case (nil, nil): return left.id < right.id
            }
        }
        var subscribers = [[Int]](repeating: [], count: input.topics.count)
        for member in order {
            for topic in input.members[member].topics { subscribers[topic].append(member) }
        }
        var result = [PartitionSet](repeating: [], count: input.members.count)
        for (index, topic) in input.topics.enumerated() where !subscribers[index].isEmpty {
            let members = subscribers[index]
            let count = Int(topic.partitionCount)
            var next = 0
            for (place, member) in members.enumerated() {
                let share = count / members.count + (place < count % members.count ? 1 : 0)
                for partition in next..<next + share {
                    result[member].insert(PartitionID(topic.id, Int32(partition)))
                }
                next += share
            }
        }
        return result
    }
}
