/// What one connection's large request takes of the memory that all connections share while
/// requests arrive (I8).
///
/// One connection at a time may go past the budget: without it, many half requests that wait for
/// each other's memory would never end.
struct FrameMemory {
    /// Requests up to so many bytes are not counted.
    let bytesUnshared: Int
    let budget: MemoryBudget
    /// The one place past the budget.
    let extra: MemoryBudget
    private var reserved = 0
    private var holdsExtra = false

    init(bytesUnshared: Int, budget: MemoryBudget, extra: MemoryBudget) {
        self.bytesUnshared = bytesUnshared
        self.budget = budget
        self.extra = extra
    }

    /// Counts memory that is held already: the first piece of a request, which came with the read
    /// that began it and is at most twice the loop's buffer.
    mutating func count(_ bytes: Int) {
        guard bytes > max(bytesUnshared, reserved) else { return }
        budget.reserveAnyway(bytes - reserved)
        reserved = bytes
    }

    /// Asks for `bytes` in all before the request's memory grows to them; false: not now.
    mutating func reserve(_ bytes: Int) -> Bool {
        guard bytes > max(bytesUnshared, reserved) else { return true }
        if !budget.reserve(bytes - reserved) {
            if !holdsExtra { holdsExtra = extra.reserve(1) }
            guard holdsExtra else { return false }
            budget.reserveAnyway(bytes - reserved)
        }
        reserved = bytes
        return true
    }

    /// Gives everything back: the request is whole, or the connection has closed.
    mutating func release() {
        if reserved > 0 { budget.release(reserved) }
        if holdsExtra { extra.release(1) }
        reserved = 0
        holdsExtra = false
    }
}
