internal import VarveLog
internal import VarveWire

/// The offsets of a request that may be committed, in order.
struct OffsetAdmission {
    /// `offset.metadata.max.bytes`.
    let metadataBytesMax: Int
    private(set) var offsets: [OffsetToCommit] = []

    init(metadataBytesMax: Int) { self.metadataBytesMax = metadataBytesMax }

    /// Takes `offset`, of `topic`, where it may be committed; else what it is answered.
    mutating func admit(_ offset: OffsetToCommit, in topic: Topic) -> ErrorCode? {
        guard topic.partition(offset.partition) != nil else { return .unknownTopicOrPartition }
        guard offset.metadata.utf8.count <= metadataBytesMax else {
            return .offsetMetadataTooLarge
        }
        offsets.append(offset)
        return nil
    }
}
