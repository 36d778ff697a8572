internal import VarvePlatform

/// Reads a journal file: the entries of the round that its head names.
///
/// Behind them stand what an earlier round has left, zeros, or what a crash has cut off; what of
/// the last group is missing was not acknowledged. A gap further in front is damage, and so is what
/// cannot be read.
struct JournalScan {
    private(set) var entries: [JournalEntry] = []
    /// Nil where the file has no entry.
    private(set) var head: JournalFileHead?
    /// Ranges in front of the last group that hold no valid entry.
    private(set) var damage: [Range<Int64>] = []

    /// - Parameter isWanted: whose entries to return.
    /// - Throws: where the file cannot be opened or measured; what cannot be read is damage.
    init(
        _ file: any DiskFile, where isWanted: (JournalEntry) -> Bool = { _ in true }
    ) throws(SystemError) {
        try file.dropCache()
        let size = try file.size()
        try BatchScanner.withWindow { (window) throws(SystemError) in
            var scanner = BatchScanner(file: file, size: size, window: window)
            let start = Int64(JournalFileHead.byteCount)
            guard let head = Self.head(of: file, &scanner) else {
                // (The very first head did not reach the disk where nothing follows.)
                if size > start, Self.isDamaged(from: start, &scanner) { damage = [0..<size] }
                return
            }
            self.head = head
            scan(from: start, head, &scanner, where: isWanted)
        }
    }

    /// The file's head; where that is damaged, as the first entry has it.
    private static func head(
        of file: any DiskFile, _ scanner: inout BatchScanner
    ) -> JournalFileHead? {
        do throws(SystemError) {
            let bytes = try ByteSlice(filling: JournalFileHead.byteCount) {
                (buffer) throws(SystemError) in try file.read(into: buffer, at: 0)
            }
            if let head = bytes.withUnsafeBytes({ JournalFileHead($0) }) { return head }
            return try entry(at: Int64(JournalFileHead.byteCount), &scanner)?.head.file
        } catch {
            return nil
        }
    }

    private static func isDamaged(from start: Int64, _ scanner: inout BatchScanner) -> Bool {
        do throws(SystemError) { return try scanner.hasContent(from: start) } catch { return true }
    }

    private mutating func scan(
        from start: Int64, _ head: JournalFileHead, _ scanner: inout BatchScanner,
        where isWanted: (JournalEntry) -> Bool
    ) {
        /// Where entries begin again behind a gap, and their group.
        var resumed: [(gap: Range<Int64>, group: UInt32)] = []
        var unreadable: [Range<Int64>] = []
        var lastGroup: UInt32 = 0
        var position = start
        var end = start
        while position < scanner.size {
            do throws(SystemError) {
                guard let found = try Self.next(from: position, head, &scanner) else { break }
                if found.start > end { resumed.append((end..<found.start, found.entry.head.group)) }
                position = found.end
                end = found.end
                lastGroup = found.entry.head.group
                if isWanted(found.entry) { entries.append(found.entry) }
            } catch {
                let next = min(scanner.size, position + Int64(BatchScanner.windowBytes))
                unreadable.append(position..<next)
                position = next
                end = next
            }
        }
        damage = resumed.filter { $0.group < lastGroup }.map(\.gap) + unreadable
    }

    /// The first valid entry of the round at `position` or behind.
    private static func next(
        from position: Int64, _ head: JournalFileHead, _ scanner: inout BatchScanner
    ) throws(SystemError) -> (entry: JournalEntry, start: Int64, end: Int64)? {
        var position = position
        while position + Int64(JournalEntry.headBytes) <= scanner.size {
            if let entry = try entry(at: position, &scanner), entry.head.file == head {
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
