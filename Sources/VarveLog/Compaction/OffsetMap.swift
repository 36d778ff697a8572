internal import VarvePlatform

/// For each key the last offset it was seen at: what compaction keeps, in bounded memory (I8).
///
/// One block of memory holds slots of 24 bytes: the key's hash and the offset. A slot is found by
/// the hash, or is the next free one behind it. When nine tenths of the slots are taken the map is
/// full, and compaction goes on from there in a further pass.
///
/// Not for more than one thread at a time.
final class OffsetMap {
    private struct Slot: BitwiseCopyable {
        var low: UInt64 = 0
        var high: UInt64 = 0
        /// -1: the slot is free.
        var offset: Int64 = -1
    }

    static let slotBytes = MemoryLayout<Slot>.stride
    /// The share of the slots that is used, in tenths: beyond it the search for a free one gets
    /// long. Source: Kafka's `log.cleaner.io.buffer.load.factor` 0.9.
    private static let loadTenths = 9

    /// How many keys fit.
    let keysMax: Int
    private(set) var keyCount = 0
    private let hasher: KeyHasher
    private let slots: UnsafeMutableBufferPointer<Slot>

    /// - Parameter bytesMax: the most memory it takes.
    /// - Parameter keysExpected: no more keys than so many will come; less memory does then.
    init(bytesMax: Int, keysExpected: Int64, hasher: KeyHasher = KeyHasher()) {
        let most = max(2, bytesMax / Self.slotBytes)
        let wanted = keysExpected.multipliedReportingOverflow(by: 10)
        let count =
            wanted.overflow
            ? most : min(most, Int(max(1, wanted.partialValue) / Int64(Self.loadTenths)) + 2)
        slots = .allocate(capacity: count)
        slots.initialize(repeating: Slot())
        keysMax = max(1, count * Self.loadTenths / 10)
        self.hasher = hasher
    }

    deinit { slots.deallocate() }

    /// Notes that `key` is at `offset`, which is the highest so far. False when the map is full
    /// and the key is not in it yet.
    func put(_ key: ByteSlice, _ offset: Int64) -> Bool {
        let hash = hasher.hash(key)
        let index = slot(of: hash)
        if slots[index].offset < 0 {
            guard keyCount < keysMax else { return false }
            keyCount += 1
        }
        slots[index] = Slot(low: hash.low, high: hash.high, offset: offset)
        return true
    }

    /// The last offset noted for `key`; nil when it was not seen.
    func lastOffset(of key: ByteSlice) -> Int64? {
        let offset = slots[slot(of: hasher.hash(key))].offset
        return offset < 0 ? nil : offset
    }

    /// The slot that has the hash, or the free one where it belongs. There always is a free one.
    private func slot(of hash: KeyHash) -> Int {
        var index = Int(hash.low % UInt64(slots.count))
        while slots[index].offset >= 0,
            slots[index].low != hash.low || slots[index].high != hash.high
        {
            index += 1
            if index == slots.count { index = 0 }
        }
        return index
    }
}
