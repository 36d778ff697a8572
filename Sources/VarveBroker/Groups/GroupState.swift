/// Where a consumer group stands between two agreements on who reads what.
///
///     state               heartbeat  sync                 commit                     join
///     Empty               25         25                   only without generation    new → Preparing
///     PreparingRebalance  27         27                   previous generation's      parked
///     CompletingRebalance 0          parked for leader's  27                         same metadata →
///                                                                                    this generation,
///                                                                                    else Preparing
///     Stable              0          the assignment       this generation's (22)     leader or changed
///                                                                                    → Preparing
///     Dead                15         15                   15                         15
///
/// Numbers are Kafka's error codes: 15 COORDINATOR_NOT_AVAILABLE, 22 ILLEGAL_GENERATION,
/// 25 UNKNOWN_MEMBER_ID, 27 REBALANCE_IN_PROGRESS. Source: Kafka's GroupMetadataManager, which
/// answers a heartbeat in CompletingRebalance with 0: clients start to beat after JoinGroup.
package enum GroupState: String, CaseIterable, Sendable {
    /// No members; committed offsets may be there.
    case empty = "Empty"
    /// Waiting for all members to join the next generation.
    case preparingRebalance = "PreparingRebalance"
    /// The generation stands; waiting for its leader's assignment.
    case completingRebalance = "CompletingRebalance"
    /// Every member of the generation can have its assignment.
    case stable = "Stable"
    /// Deleted, or the broker stops; whoever still holds it must look the group up again.
    case dead = "Dead"
}
