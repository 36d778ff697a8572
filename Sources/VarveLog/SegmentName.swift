/// The names of a segment's files: its base offset in 20 digits, as Kafka's.
enum SegmentName {
    enum Kind: String, CaseIterable {
        /// Record batches, back to back.
        case log
        /// Offset to position.
        case index
        /// Time to offset.
        case timeindex
        /// Aborted transactions.
        case txnindex
        /// Producer state before the first record of the base offset.
        case producers
        /// What is known of a closed segment.
        case seal
    }

    static func file(_ base: Int64, _ kind: Kind) -> String {
        let digits = String(base)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits + "."
            + kind.rawValue
    }

    /// Nil when `name` is no such name.
    static func parse(_ name: String) -> (base: Int64, kind: Kind)? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 20,
            let kind = Kind(rawValue: String(parts[1])),
            parts[0].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let base = Int64(parts[0])
        else { return nil }
        return (base, kind)
    }
}
