internal import VarvePlatform

/// Reads a journal file: the entries of its latest round.
///
/// Behind them stand what an earlier round has left, zeros, or what a crash has cut off; what of
/// the last group is missing was not acknowledged. A gap further in front is damage.
struct JournalScan {
    private(set) var entries: [JournalEntry] = []
    /// The latest round; 0 where the file has no entry.
    private(set) var round: UInt64 = 0
    /// Ranges in front of the last group that hold no valid entry.
    private(set) var damage: [Range<Int64>] = []

    /// - Parameter isWanted: whose entries to return.
    init(
        _ file: any DiskFile, where isWanted: (JournalEntry) -> Bool = { _ in true }
    ) throws(SystemError) {
        try file.dropCache()
        let size = try file.size()
        /// Where entries of this round begin again behind a gap, and their group.
        var resumed: [(gap: Range<Int64>, group: UInt32)] = []
        var lastGroup: UInt32 = 0
        try BatchScanner.withWindow { (window) throws(SystemError) in
            var scanner = BatchScanner(file: file, size: size, window: window)
            var position: Int64 = 0
            var end: Int64 = 0
            while let found = try Self.next(from: position, &scanner) {
                let (entry, start) = (found.entry, found.start)
                position = found.end
                guard entry.head.round >= round else { continue }
                if entry.head.round > round {
                    round = entry.head.round
                    entries = []
                    resumed = []
                    end = 0
                }
                if start > end { resumed.append((end..<start, entry.head.group)) }
                end = found.end
                lastGroup = entry.head.group
                if isWanted(entry) { entries.append(entry) }
            }
        }
        damage = resumed.filter { $0.group < lastGroup }.map(\.gap)
    }

    /// The first valid entry at `position` or behind.
    private static func next(
        from position: Int64, _ scanner: inout BatchScanner
    ) throws(SystemError) -> (entry: JournalEntry, start: Int64, end: Int64)? {
        var position = position
        while position + Int64(JournalEntry.headBytes) <= scanner.size {
            if let entry = try entry(at: position, &scanner) {
                return (entry, position, (entry.batches.upperBound + 7) & ~7)
            }
            position = try nextMagic(from: position + 8, &scanner)
        }
        return nil
    }

    private static func entry(
        at position: Int64, _ scanner: inout BatchScanner
    ) throws(SystemError) -> JournalEntry? {
        let head = try scanner.bytes(at: position, JournalEntry.headBytes)
        guard let count = JournalEntry.announcedByteCount(head),
            count <= BatchScanner.windowBytes
        else { return nil }
        let bytes = try scanner.bytes(at: position, count)
        return bytes.count == count ? JournalEntry(bytes, at: position) : nil
    }

    /// The first multiple of 8 from `position` on where an entry may begin, or the file's end.
    private static func nextMagic(
        from position: Int64, _ scanner: inout BatchScanner
    ) throws(SystemError) -> Int64 {
        let magic = JournalEntry.magic.bigEndian
        var position = position
        while position < scanner.size {
            let piece = try scanner.bytes(
                at: position, Int(min(1 << 16, scanner.size - position)))
            var at = 0
            while at + 4 <= piece.count {
                if piece.loadUnaligned(fromByteOffset: at, as: UInt32.self) == magic {
                    return position + Int64(at)
                }
                at += 8
            }
            guard !piece.isEmpty else { break }
            position += Int64((piece.count + 7) & ~7)
        }
        return scanner.size
    }
}
