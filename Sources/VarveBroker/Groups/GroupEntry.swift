internal import VarvePlatform
internal import VarveWire

/// A group in the coordinator: its state machine, its offsets, and who waits for it.
final class GroupEntry: Sendable {
    let id: String
    let state: Lock<State>

    struct State {
        /// Empty while the group is one of the consumer protocol.
        var group: Group
        /// Nil while the group is one of the classic protocol.
        var consumers: ConsumerState?
        /// The consumer group that it was, while the log may still have records of that.
        var former: ConsumerState?
        /// Durable, and so visible to OffsetFetch.
        var offsets: CommittedOffsets = [:]
        /// Appended and not durable yet, in the log's order.
        private(set) var pending: [Pending] = []
        /// Committed inside transactions that are open.
        private(set) var transactional = TransactionalOffsets()
        /// The latest record appended for the group itself; nil when there is none.
        var record: ByteSlice?
        var parkedJoins: [Ticket: @Sendable (JoinAnswer) -> Void] = [:]
        var parkedSyncs: [Ticket: @Sendable (SyncAnswer) -> Void] = [:]
        private var ticketNext: UInt64 = 0

        /// One committed or deleted (nil) offset.
        struct Change {
            let topic: String
            let partition: Int32
            let value: CommittedOffset?
        }

        /// The changes of one batch, durable when the log is up to `end`.
        struct Pending {
            let end: Int64
            let changes: [Change]
        }

        init(group: Group) { self.group = group }

        mutating func nextTicket() -> Ticket {
            ticketNext += 1
            return Ticket(ticketNext)
        }

        /// Nothing about it is worth keeping.
        var isTrace: Bool {
            group.state == .empty && group.isDeserted && offsets.isEmpty && pending.isEmpty
                && transactional.isEmpty && record == nil && consumers == nil && former == nil
        }

        /// The changes' records are in the log up to `end`, which makes them later than what open
        /// transactions have for the same partitions.
        mutating func appended(_ changes: [Change], end: Int64) {
            pending.append(Pending(end: end, changes: changes))
            for change in changes { transactional.forget(change.topic, change.partition) }
        }

        /// The same for changes that count when the transaction of `producerID` commits.
        mutating func appended(_ changes: [Change], of producerID: Int64) {
            transactional.append(changes, of: producerID)
        }

        /// The transaction's marker is durable, and ends at `end`.
        mutating func ended(_ producerID: Int64, commits: Bool, end: Int64) {
            // What the log has before the marker comes first; the news of it may come later.
            durable(end)
            for change in transactional.end(producerID, commits: commits) {
                Self.apply(change, to: &offsets)
            }
        }

        /// The transactions that were open when the log was read.
        mutating func restore(_ open: TransactionalOffsets) { transactional = open }

        /// The log is durable up to `end`: what was appended before it becomes visible. The news
        /// of two batches may come in either order; what is durable never does.
        mutating func durable(_ end: Int64) {
            while let first = pending.first, first.end <= end {
                for change in first.changes { Self.apply(change, to: &offsets) }
                pending.removeFirst()
            }
        }

        /// The batch that ended at `end` will never be durable.
        mutating func lost(_ end: Int64) { pending.removeAll { $0.end == end } }

        /// All partitions with an offset in the log, also those whose transaction is open.
        var partitionsInLog: [String: Set<Int32>] {
            var partitions = latestOffsets.mapValues { Set($0.keys) }
            for change in transactional.changes {
                partitions[change.topic, default: []].insert(change.partition)
            }
            return partitions
        }

        /// Offsets as a snapshot has to write them: what was appended counts, durable or not.
        var latestOffsets: CommittedOffsets {
            var latest = offsets
            for batch in pending {
                for change in batch.changes { Self.apply(change, to: &latest) }
            }
            return latest
        }

        private static func apply(_ change: Change, to offsets: inout CommittedOffsets) {
            if let value = change.value {
                offsets[change.topic, default: [:]][change.partition] = value
                return
            }
            offsets[change.topic]?[change.partition] = nil
            if offsets[change.topic]?.isEmpty == true { offsets[change.topic] = nil }
        }
    }

    init(id: String, group: Group) {
        self.id = id
        state = Lock(State(group: group))
    }
}
