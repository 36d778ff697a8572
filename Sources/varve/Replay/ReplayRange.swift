internal import VarveClient

/// Part of one partition, to be replayed.
struct ReplayRange: Encodable, Equatable, Sendable {
    let topic: String
    let partition: Int32
    /// The first offset.
    let from: Int64
    /// The offset after the last.
    let to: Int64
    /// Offsets in the range: as many records, or fewer where compaction or transactions left holes.
    var count: Int64 { to - from }

    enum CodingKeys: String, CodingKey { case topic, partition, from, to }

    var topicPartition: TopicPartition { TopicPartition(topic: topic, partition: partition) }

    /// The ranges from `starts` to `ends` that are not empty, by partition.
    static func all(
        _ starts: [TopicPartition: Int64], _ ends: [TopicPartition: Int64]
    ) -> [ReplayRange] {
        starts.keys.sorted().compactMap { partition in
            guard let from = starts[partition], let to = ends[partition], from < to else {
                return nil
            }
            return ReplayRange(
                topic: partition.topic, partition: partition.partition, from: from, to: to)
        }
    }
}
