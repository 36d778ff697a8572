/// Deadlines in order, earliest first: a binary heap. One owner; not for several threads.
struct TimerQueue {
    /// Names a timer for `cancel`.
    typealias Identifier = UInt64

    private struct Timer {
        let deadline: Int64
        let identifier: Identifier
    }

    private var heap: [Timer] = []
    private var actions: [Identifier: () -> Void] = [:]
    private var nextIdentifier: Identifier = 1

    /// Timers that have neither run nor been cancelled.
    var count: Int { actions.count }

    /// When the earliest timer is due, in monotonic milliseconds; nil when there is none.
    /// A cancelled timer may still be the one reported: waking for it is harmless.
    var nextDeadline: Int64? { heap.first?.deadline }

    /// Lets `action` run in the first `run(now:)` at or after `deadline` (monotonic milliseconds).
    mutating func add(at deadline: Int64, _ action: @escaping () -> Void) -> Identifier {
        let identifier = nextIdentifier
        nextIdentifier += 1
        actions[identifier] = action
        heap.append(Timer(deadline: deadline, identifier: identifier))
        rise(heap.count - 1)
        return identifier
    }

    /// Forgets a timer. Does nothing when it has run.
    mutating func cancel(_ identifier: Identifier) {
        actions[identifier] = nil
        // Cancelled entries stay in the heap until they are due; when most are such, they go.
        if heap.count > 64 && heap.count > actions.count * 4 {
            heap = heap.filter { actions[$0.identifier] != nil }
                .sorted { $0.deadline < $1.deadline }
        }
    }

    /// Takes out the next action that is due at `now`; nil when none is.
    mutating func takeDue(now: Int64) -> (() -> Void)? {
        while let first = heap.first, first.deadline <= now {
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                sink(0)
            }
            if let action = actions.removeValue(forKey: first.identifier) { return action }
        }
        return nil
    }

    private mutating func rise(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index].deadline < heap[parent].deadline else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [index * 2 + 1, index * 2 + 2]
            where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
