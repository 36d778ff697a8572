internal import VarvePlatform

/// A new file for a segment, made beside the old one and then put in its place, so that a crash
/// at any step leaves the old file or the new one, never a mixture (I5).
///
///     begin           <base>.log.tmp, which the next start would remove
///     append, copy    what the segment is to hold
///     sync            its bytes become durable; nothing refers to it yet
///     install         seal, indexes and the mark's word for the old file go first, then the name
///
/// Whoever holds the partition's `rewriting` lock makes one, and `upkeep` while it is installed.
/// Readers that have the old file open finish with it.
struct SegmentReplacement {
    let disk: any Disk
    let directory: String
    let base: Int64
    /// The new file; its path is the one beside until `install`.
    let file: any DiskFile
    /// Bytes so far.
    private(set) var byteCount: Int64 = 0

    private var path: String { directory + "/" + SegmentName.file(base, .log) }
    private var aside: String { path + ".tmp" }

    /// Begins an empty file beside the segment's.
    init(disk: any Disk, directory: String, base: Int64) throws(SystemError) {
        self.disk = disk
        self.directory = directory
        self.base = base
        file = try disk.open(directory + "/" + SegmentName.file(base, .log) + ".tmp", .create)
        try file.truncate(to: 0)
    }

    /// Writes `bytes` at the end.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        try file.write(bytes, at: byteCount)
        byteCount += Int64(bytes.count)
    }

    /// Writes `range` of `source` at the end; bounded memory.
    mutating func copy(
        _ range: Range<Int64>, of source: any DiskFile
    ) throws(SystemError) {
        guard !range.isEmpty else { return }
        let window = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(min(Int64(BatchScanner.windowBytes), Int64(range.count))),
            alignment: 4096)
        defer { window.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: window[..<Int(min(Int64(window.count), range.upperBound - position))])
            let count = try source.read(into: piece, at: position)
            guard count > 0 else {
                throw SystemError(call: "pread", errno: 0, subject: source.path)
            }
            try append(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            position += Int64(count)
        }
    }

    /// Makes the new file's bytes durable. A failure concerns this file only: the log is as it
    /// was, and nothing that was acknowledged depends on it.
    func sync() throws(SystemError) { try file.syncData() }

    /// Puts the new file in the old one's place; durable on return. REQUIRES: `sync`.
    ///
    /// The seal and the mark speak of positions in the old file. They must be gone before the new
    /// one takes its place, or a crash in between would leave them to be believed: a start would
    /// then begin reading in the middle of a batch.
    /// - Throws: the old file or the new one is the segment, without a seal: the next start reads
    ///   it from end to end.
    func install(_ mark: inout DurableMarkFile) throws(SystemError) {
        for kind in [SegmentName.Kind.seal, .index, .timeindex, .txnindex] {
            let path = directory + "/" + SegmentName.file(base, kind)
            if try disk.entry(path) != nil { try disk.remove(path) }
        }
        if var weaker = mark.last, weaker.segment.base == base {
            weaker.segment = SegmentSummary(base: base)
            weaker.isCleanStop = false
            // Twice, so that neither of its two slots speaks of the old positions any more.
            try mark.write(weaker)
            try mark.write(weaker)
        }
        try disk.syncDirectory(directory)
        try disk.rename(aside, to: path)
        try disk.syncDirectory(directory)
    }

    /// Takes the new file away again, where it is not to be installed.
    func discard() throws(SystemError) { try disk.remove(aside) }
}
