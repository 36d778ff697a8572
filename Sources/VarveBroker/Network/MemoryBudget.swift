internal import Synchronization

/// Bytes that all connections together may hold for one purpose (I8). From any thread.
final class MemoryBudget: Sendable {
    /// The most that may be reserved at once.
    let bytesMax: Int
    private let used = Atomic<Int>(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// The bytes reserved now.
    var bytesUsed: Int { used.load(ordering: .relaxed) }

    var hasRoom: Bool { bytesUsed < bytesMax }

    /// Reserves `bytes`; false, with nothing reserved, when the budget does not have them.
    func reserve(_ bytes: Int) -> Bool {
        let after = used.add(bytes, ordering: .relaxed).newValue
        if after <= bytesMax { return true }
        used.subtract(bytes, ordering: .relaxed)
        return false
    }

    /// Counts `bytes` whether the budget has them or not: for what must go on regardless.
    func reserveAnyway(_ bytes: Int) { used.add(bytes, ordering: .relaxed) }

    /// Gives back what `reserve` or `reserveAnyway` took.
    func release(_ bytes: Int) {
        let after = used.subtract(bytes, ordering: .relaxed).newValue
        precondition(after >= 0, "more was released than reserved")
    }
}
