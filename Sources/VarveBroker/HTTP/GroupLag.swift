internal import VarveLog

/// How far each consumer group is behind, for the HTTP pages.
struct GroupLag {
    struct Offset {
        let topic: String
        let partition: Int32
        let committed: Int64
        /// The partition's durable end; -1 where the topic or partition is gone.
        let end: Int64
        /// Durable records that the group has not passed; 0 where the partition is gone.
        var lag: Int64 { max(0, end - committed) }
    }

    let name: String
    /// Kafka's name of the state, such as "Stable".
    let state: String
    let memberCount: Int
    let offsets: [Offset]

    /// Every group that has members or committed offsets, by name.
    static func all(of broker: BrokerState) -> [GroupLag] {
        let offsets = Dictionary(
            uniqueKeysWithValues: broker.groups.allCommittedOffsets().map {
                ($0.group, $0.offsets)
            })
        return broker.groups.list().map { group in
            GroupLag(
                name: group.id, state: group.state, memberCount: group.memberCount,
                offsets: Self.lag(of: offsets[group.id] ?? [:], in: broker))
        }
    }

    private static func lag(
        of committed: CommittedOffsets, in broker: BrokerState
    ) -> [GroupLag.Offset] {
        committed.sorted { $0.key < $1.key }.flatMap { name, partitions in
            let topic = broker.directory.topic(name)
            return partitions.sorted { $0.key < $1.key }.map { partition, committed in
                Offset(
                    topic: name, partition: partition, committed: committed.offset,
                    end: topic?.partition(partition)?.durableEnd ?? -1)
            }
        }
    }
}
