internal import VarvePlatform
internal import VarveWire

/// A group in the coordinator: its state machine, its offsets, and who waits for it.
final class GroupEntry: Sendable {
    let id: String
    let state: Lock<State>

    struct State {
        var group: Group
        /// Durable, and so visible to OffsetFetch.
        var offsets: CommittedOffsets = [:]
        /// Appended and not durable yet, in the log's order.
        private(set) var pending: [Pending] = []
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
                && record == nil
        }

        mutating func appended(_ changes: [Change], end: Int64) {
            pending.append(Pending(end: end, changes: changes))
        }

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
