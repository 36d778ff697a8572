/// Where a consumer group stands between two agreements on who reads what.
///
///     state                heartbeat  sync            commit         join
///     Empty                25         25              from outside   new: Preparing
///     PreparingRebalance   27         27              the previous   parked
///                                                     generation's
///     CompletingRebalance  0          parked for the  27             unchanged: this generation,
///                                     leader's                       else Preparing
///     Stable               0          the assignment  this           leader or changed: Preparing
///                                                     generation's   else this generation
///     Dead                 15         15              15             15
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
