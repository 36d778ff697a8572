/// A member as an assignor sees it.
struct AssignmentMember: Equatable, Sendable {
    var id: String
    /// Its static name, by which it sorts where it has one (KIP-345).
    var instanceID: String?
    var topics: [String]
    /// What it says it holds, and since which generation; -1 when it does not say.
    var owned: [TopicPartition] = []
    var generation: Int32 = -1
}

extension PartitionAssignor {
    /// Whether members keep their partitions while a rebalance goes on (KIP-429).
    var isCooperative: Bool { self == .cooperativeSticky }

    /// Divides partitions among members.
    /// - Parameter partitionCounts: of the topics that are there; others are left out.
    /// - Returns: an entry for every member, sorted partitions in it.
    func assign(
        _ members: [AssignmentMember], partitionCounts: [String: Int]
    ) -> [String: [TopicPartition]] {
        switch self {
        case .range: RangeAssignor.assign(members, partitionCounts)
        case .cooperativeSticky: CooperativeStickyAssignor.assign(members, partitionCounts)
        }
    }
}
