package import VarvePlatform
internal import VarveWire

/// A partition by its topic's id: a topic that is deleted and made again has other ones.
package struct PartitionID: Hashable, Sendable {
    package let topic: UniqueID
    package let partition: Int32

    package init(_ topic: UniqueID, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

package typealias PartitionSet = Set<PartitionID>

extension PartitionSet {
    init(_ topics: [ConsumerTopicPartitions]) {
        self.init()
        for topic in topics {
            for partition in topic.partitions { insert(PartitionID(topic.topicId, partition)) }
        }
    }

    /// By topic, in an order that is always the same: equal sets are equal bytes.
    var byTopic: [(topic: UniqueID, partitions: [Int32])] {
        var topics: [UniqueID: [Int32]] = [:]
        for member in self { topics[member.topic, default: []].append(member.partition) }
        return topics.map { (topic: $0.key, partitions: $0.value.sorted()) }
            .sorted { ($0.topic.high, $0.topic.low) < ($1.topic.high, $1.topic.low) }
    }

    var wire: [ConsumerTopicPartitions] {
        byTopic.map { topic, partitions in
            ConsumerTopicPartitions {
                $0.topicId = topic
                $0.partitions = partitions
            }
        }
    }
}
