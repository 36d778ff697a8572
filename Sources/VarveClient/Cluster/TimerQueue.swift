/// Things to do at a time, soonest first; equal times in the order they came.
struct TimerQueue {
    private struct Entry {
        let at: Int64
        let number: UInt64
        let body: @Sendable () -> Void
    }

    /// A binary heap.
    private var heap: [Entry] = []
    private var lastNumber: UInt64 = 0

    /// When the next thing is due.
    var next: Int64? { heap.first?.at }

    mutating func add(at: Int64, _ body: @escaping @Sendable () -> Void) {
        lastNumber += 1
        heap.append(Entry(at: at, number: lastNumber, body: body))
        var child = heap.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out the next thing that is due at `now`.
    mutating func popDue(now: Int64) -> (@Sendable () -> Void)? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return first.body }
        heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && precedes(child, smallest) {
                smallest = child
            }
            if smallest == parent { return first.body }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }

    /// Takes out everything, due or not.
    mutating func removeAll() -> [@Sendable () -> Void] {
        defer { heap = [] }
        return heap.map(\.body)
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        (heap[a].at, heap[a].number) < (heap[b].at, heap[b].number)
    }
}
