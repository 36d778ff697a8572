/// Which events of one partition have their verdict, and how far that goes without a hole.
///
/// Events finish in any order; the position only passes what is finished (D1).
struct PartitionProgress: Sendable {
    private struct Entry {
        let offset: Int64
        /// Where to read on when this and everything before it is finished.
        let next: Int64
        var isFinished: Bool
    }

    private var entries = FIFO<Entry>()
    /// Everything below it is finished: what may be committed. Nil before the first event.
    private(set) var position: Int64?
    /// The offset after the last one that began; nil before the first event.
    private(set) var end: Int64?

    /// Events that began and are not finished.
    private(set) var pendingCount = 0

    /// An event was read. Offsets come in growing order.
    /// - Parameter next: the offset to read on at after it, above `offset`.
    mutating func begin(_ offset: Int64, next: Int64) {
        precondition(offset >= end ?? offset && next > offset, "offsets grow")
        if position == nil { position = offset }
        entries.append(Entry(offset: offset, next: next, isFinished: false))
        end = next
        pendingCount += 1
    }

    /// Offsets up to `next` hold nothing to deliver (control records, compaction).
    mutating func skip(to next: Int64) {
        guard next > end ?? -1 else { return }
        if position == nil { position = next }
        end = next
        if entries.isEmpty {
            position = next
        } else {
            entries.append(Entry(offset: next - 1, next: next, isFinished: true))
        }
    }

    /// The event at `offset` has its verdict.
    /// - Returns: false when it had one already or never began.
    @discardableResult
    mutating func finish(_ offset: Int64) -> Bool {
        // Events mostly finish in the order they began: the first one is the one.
        var low = 0
        var high = entries.first?.offset == offset ? 0 : entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].offset == offset, !entries[low].isFinished else {
            return false
        }
        entries[low].isFinished = true
        pendingCount -= 1
        while let first = entries.first, first.isFinished {
            position = first.next
            entries.removeFirst()
        }
        return true
    }
}

/// First in, first out, with constant time at both ends and by index.
struct FIFO<Element: Sendable>: Sendable {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { count == 0 }
    var first: Element? { isEmpty ? nil : elements[head] }

    subscript(index: Int) -> Element {
        get { elements[head + index]! }
        set { elements[head + index] = newValue }
    }

    mutating func append(_ element: Element) { elements.append(element) }

    @discardableResult
    mutating func removeFirst() -> Element {
        // The element goes at once, its memory with it; its place when half of them are empty.
        guard !isEmpty, let first = elements[head].take() else { preconditionFailure("empty") }
        head += 1
        if head > 64 && head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return first
    }

    /// Takes out the elements for which `condition` holds, in order.
    mutating func removeAll(where condition: (Element) -> Bool) -> [Element] {
        var removed: [Element] = []
        var kept: [Element?] = []
        for element in elements[head...] {
            guard let element else { continue }
            if condition(element) { removed.append(element) } else { kept.append(element) }
        }
        elements = kept
        head = 0
        return removed
    }
}
