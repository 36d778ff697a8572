internal import VarveLog
internal import VarveWire

/// Who leads a partition and has copies of it, as clients are told: this broker, and nobody while
/// the partition is offline.
struct PartitionReplicas {
    let node: Int32
    let isOnline: Bool

    init(of log: PartitionLog, node: Int32) {
        self.node = node
        isOnline = log.isOnline
    }

    var leader: Int32 { isOnline ? node : -1 }
    var inSync: [Int32] { isOnline ? [node] : [] }
    var offline: [Int32] { isOnline ? [] : [node] }
    var error: ErrorCode { isOnline ? .none : .leaderNotAvailable }
}
