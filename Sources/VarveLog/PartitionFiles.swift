internal import VarvePlatform

/// What a partition's directory holds at one moment, read without changing anything.
struct PartitionFiles {
    /// One slot of the `durable` file.
    enum Slot: Equatable {
        case valid(DurableMark)
        /// Never written: zeros.
        case empty
        case damaged
        /// The file ends before it.
        case absent
    }

    let directory: String
    /// Nil where there is no `durable` file.
    private(set) var slots: [Slot]?
    private(set) var names: Set<String> = []
    /// The base offsets of the .log files, sorted.
    private(set) var bases: [Int64] = []
    /// Offsets whose segments a compaction is just replacing: old and new files may stand side by
    /// side there until it is done, at the latest at the next start.
    private(set) var swaps: [Range<Int64>] = []

    /// The newest valid mark.
    var mark: DurableMark? {
        (slots ?? []).compactMap { slot in
            if case .valid(let mark) = slot { mark } else { nil }
        }.max { $0.sequence < $1.sequence }
    }

    /// The slots that do not hold what they should.
    var wrongSlots: [Int] {
        guard let slots else { return [] }
        // Slots take turns: from the second mark on both have been written.
        let isWritten = mark.map { $0.sequence > 1 } ?? false
        return slots.indices.filter { number in
            switch slots[number] {
            case .valid: false
            case .damaged: true
            case .empty, .absent: isWritten
            }
        }
    }

    var markPath: String { directory + "/durable" }

    func path(_ base: Int64, _ kind: SegmentName.Kind) -> String {
        directory + "/" + SegmentName.file(base, kind)
    }

    /// The first base offset above `base`.
    func base(after base: Int64) -> Int64? { bases.first { $0 > base } }

    /// Looks at the directory so that mark and names belong together, also while a broker works
    /// in it: the mark is read before and after the names, until both are the same.
    init(lookingAt directory: String, _ disk: any Disk) throws(SystemError) {
        self.directory = directory
        var before = try Self.readSlots(directory, disk)
        for _ in 0..<16 {
            names = Set(try disk.list(directory))
            let after = try Self.readSlots(directory, disk)
            let isStill = before == after
            before = after
            if isStill { break }
        }
        slots = before
        bases = names.compactMap { SegmentName.parse($0) }.filter { $0.kind == .log }
            .map(\.base).sorted()
        for name in names where SegmentSwap.isName(name) {
            if let range = try SegmentSwap(disk: disk, directory: directory).range(name) {
                swaps.append(range)
            }
        }
    }

    func isBeingSwapped(_ base: Int64) -> Bool { swaps.contains { $0.contains(base) } }

    private static func readSlots(
        _ directory: String, _ disk: any Disk
    ) throws(SystemError) -> [Slot]? {
        let path = directory + "/durable"
        guard try disk.entry(path) != nil else { return nil }
        let file: any DiskFile
        do throws(SystemError) {
            file = try disk.open(path, .read)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        let bytes = try ByteSlice(filling: 2 * DurableMark.slotBytes) {
            (buffer) throws(SystemError) in try file.read(into: buffer, at: 0)
        }
        return (0..<2).map { number in
            let start = number * DurableMark.slotBytes
            guard bytes.count > start else { return .absent }
            let slot = bytes[start..<min(start + DurableMark.slotBytes, bytes.count)]
            if let mark = DurableMark(slot: slot) { return .valid(mark) }
            return slot.withUnsafeBytes { $0.allSatisfy { $0 == 0 } } ? .empty : .damaged
        }
    }
}
