internal import Synchronization
internal import VarvePlatform

/// The commits that one turn of a thread brings, which serves many and knows when it serves one.
///
/// They wait here while the turn is open, and go to the committers together: one lock and few
/// wake-ups for all. A lone one the thread runs itself where it has nothing else to do: that saves
/// two of the four wake-ups between a record and its acknowledgement. The thread stands still while
/// it syncs: only where syncs have been quick (`SyncPace`).
package final class CommitTurn {
    private static let slot = ThreadSlot<CommitTurn>()
    /// The turn of this thread, if it has one.
    static var current: CommitTurn? { slot.value }

    private var waiting: [PartitionLog] = []
    private var commit: GroupCommit?
    /// Whether commits that are asked for on this thread wait for `finish`.
    package var isOpen = false

    package init() {}

    /// Makes this the turn of the calling thread, for as long as that runs `body`.
    package func run(_ body: () throws -> Void) rethrows {
        Self.slot.value = self
        defer { Self.slot.value = nil }
        try body()
    }

    /// Takes a commit that would have woken a committer; false where it has to.
    func takes(_ partition: PartitionLog, of commit: GroupCommit) -> Bool {
        guard isOpen, self.commit == nil || self.commit === commit else { return false }
        if waiting.isEmpty {
            self.commit = commit
            commit.beginTurn()
        }
        waiting.append(partition)
        return true
    }

    /// Whether a commit waits for `finish`.
    package var isWaiting: Bool { commit != nil }

    /// Ends the wait. Hold no lock that the completions of `whenDurable` take.
    /// - Parameter runsHere: the thread has nothing else to do, and may run a lone commit.
    package func finish(runsHere: Bool) {
        guard let commit else { return }
        self.commit = nil
        if runsHere, waiting.count == 1, commit.pace.isQuick, waiting[0].isOneSyncEnough {
            commit.runHere(waiting[0])
        } else {
            commit.enqueue(waiting)
        }
        waiting.removeAll(keepingCapacity: waiting.count < 1024)
        commit.endTurn()
    }
}

/// Whether the device syncs so quickly that who serves others may wait for it: it has, many times
/// in a row. A device that stalls now and then holds such a thread up once, and one that is always
/// slow never.
package final class SyncPace: Sendable {
    /// A sync that takes longer (nanoseconds) is slow.
    private static let quick: Int64 = 2_000_000
    private static let quickInARowMin = 64
    private let quickInARow = Atomic<Int>(0)

    package init() {}

    package var isQuick: Bool { quickInARow.load(ordering: .relaxed) >= Self.quickInARowMin }

    /// Somebody's sync has taken so long.
    package func note(nanoseconds: Int64) {
        if nanoseconds > Self.quick {
            quickInARow.store(0, ordering: .relaxed)
        } else if !isQuick {
            quickInARow.add(1, ordering: .relaxed)
        }
    }
}
