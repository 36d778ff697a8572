internal import VarvePlatform

/// One entry of an index file.
protocol IndexEntry: Sendable {
    static var byteCount: Int { get }
    func write(to writer: inout ByteWriter)
    init(reading reader: inout ByteReader) throws(ByteReadError)
    /// Whether this entry may stand behind `earlier`.
    func follows(_ earlier: Self) -> Bool
}

/// What the indexes of a segment have in common: entries in memory, written behind to a file.
///
/// The file is a help, never the truth (T1): it is believed only when its bytes have the checksum
/// that the segment's summary or the durable mark gives, and otherwise rebuilt from the log.
struct SparseIndex<Entry: IndexEntry>: Sendable {
    /// The entries, oldest first; empty while `isLoaded` is false.
    private(set) var entries: [Entry] = []
    /// How many of them the file holds.
    private(set) var writtenCount = 0
    /// CRC-32C of those, as they stand in the file.
    private(set) var writtenChecksum: UInt32 = 0
    /// Whether `entries` are here. An idle partition lets go of them.
    private(set) var isLoaded = true
    /// Whether the file is durable as far as it was written.
    private(set) var isSynced = true

    init() {}

    /// An index whose entries are in the file, to be loaded when they are needed.
    init(writtenCount: Int, checksum: UInt32) {
        self.writtenCount = writtenCount
        writtenChecksum = checksum
        isLoaded = writtenCount == 0
    }

    /// Adds an entry; does nothing when it may not stand behind the last one. REQUIRES: loaded.
    mutating func append(_ entry: Entry) {
        precondition(isLoaded)
        if let last = entries.last, !entry.follows(last) { return }
        entries.append(entry)
    }

    /// The last entry for which `isBefore` holds, nil when there is none.
    /// `isBefore` must hold for a first part of the entries and for none of the rest.
    func last(where isBefore: (Entry) -> Bool) -> Entry? {
        let count = count(isBefore)
        return count == 0 ? nil : entries[count - 1]
    }

    /// The entries behind the last one for which `isBefore` holds.
    func entries(after isBefore: (Entry) -> Bool) -> ArraySlice<Entry> {
        entries[count(isBefore)...]
    }

    private func count(_ isBefore: (Entry) -> Bool) -> Int {
        precondition(isLoaded)
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(entries[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether it has no entries, in memory or in its file.
    var isEmpty: Bool { entries.isEmpty && writtenCount == 0 }

    /// Entries that wait to be written.
    var unwrittenCount: Int { isLoaded ? entries.count - writtenCount : 0 }

    /// Writes what is not in the file yet. On an error the file may hold any part of it behind
    /// the `writtenCount` entries; the next write goes over it.
    mutating func write(to file: any DiskFile) throws(SystemError) {
        guard unwrittenCount > 0 else { return }
        var writer = ByteWriter(capacity: unwrittenCount * Entry.byteCount)
        for entry in entries[writtenCount...] { entry.write(to: &writer) }
        let bytes = writer.finish()
        // A file from before, of an index that was built anew.
        if writtenCount == 0 { try file.truncate(to: 0) }
        try bytes.withUnsafeBytes { (raw) throws(SystemError) in
            try file.write(raw, at: Int64(writtenCount * Entry.byteCount))
        }
        writtenChecksum = bytes.withUnsafeBytes { CRC32C.checksum($0, seed: writtenChecksum) }
        writtenCount = entries.count
        isSynced = false
    }

    mutating func markSynced() { isSynced = true }

    /// Reads the entries back. False when the file does not hold what was written: rebuild.
    mutating func load(from disk: any Disk, _ path: String) throws(SystemError) -> Bool {
        if isLoaded { return true }
        guard case .file(let size)? = try disk.entry(path),
            size >= Int64(writtenCount * Entry.byteCount)
        else { return false }
        let file = try disk.open(path, .read)
        let bytes = try ByteSlice(filling: writtenCount * Entry.byteCount) {
            (buffer) throws(SystemError) in try file.read(into: buffer, at: 0)
        }
        guard bytes.count == writtenCount * Entry.byteCount,
            bytes.withUnsafeBytes({ CRC32C.checksum($0) }) == writtenChecksum
        else { return false }
        var reader = ByteReader(bytes)
        var loaded: [Entry] = []
        loaded.reserveCapacity(writtenCount)
        for _ in 0..<writtenCount {
            guard let entry = try? Entry(reading: &reader) else { return false }
            loaded.append(entry)
        }
        entries = loaded
        isLoaded = true
        return true
    }

    /// Lets go of the entries when all of them are in the file.
    mutating func unload() {
        guard unwrittenCount == 0, isLoaded else { return }
        entries = []
        isLoaded = writtenCount == 0
    }
}
