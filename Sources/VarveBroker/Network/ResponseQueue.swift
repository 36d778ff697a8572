internal import VarvePlatform

/// A connection's answers in the order of their requests, whatever order they were finished in.
///
/// Requests are numbered from 0 as they come. An answer leaves when all before it have left.
struct ResponseQueue {
    private enum Entry {
        case waiting
        case ready([ByteSlice])
    }

    private var entries: [Entry] = []
    private var head = 0
    private var firstNumber: UInt64 = 0

    /// Bytes of answers that wait for another before them.
    private(set) var heldByteCount = 0

    /// Requests that have no answer yet, or one that waits for another before it.
    var count: Int { entries.count - head }

    /// Takes the next number for a request that has come.
    mutating func open() -> UInt64 {
        entries.append(.waiting)
        return firstNumber + UInt64(count - 1)
    }

    /// Gives request `number` its answer; no pieces means that none is sent (acks=0).
    /// False when that request has been answered before: a handler completed twice.
    mutating func complete(_ number: UInt64, _ pieces: [ByteSlice]) -> Bool {
        guard number >= firstNumber, number < firstNumber + UInt64(count) else { return false }
        let index = head + Int(number - firstNumber)
        guard case .waiting = entries[index] else { return false }
        entries[index] = .ready(pieces)
        for piece in pieces { heldByteCount += piece.count }
        return true
    }

    /// Takes out the next answer that may leave.
    mutating func popReady() -> [ByteSlice]? {
        guard head < entries.count, case .ready(let pieces) = entries[head] else { return nil }
        entries[head] = .waiting
        for piece in pieces { heldByteCount -= piece.count }
        head += 1
        firstNumber += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 256 {
            entries.removeFirst(head)
            head = 0
        }
        return pieces
    }
}
