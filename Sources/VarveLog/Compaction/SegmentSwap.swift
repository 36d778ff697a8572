internal import VarvePlatform

/// Puts a compacted segment in the place of those it was made from, so that a crash at any step
/// leaves the old ones or the new one, never a mixture.
///
/// 1. `X.log.tmp` and its indexes are written and synced, and the directory.
/// 2. `X.swap` is written aside, synced, renamed, and the directory synced.
/// 3. These `.tmp` files are renamed to `X.log` and so on; directory synced.
/// 4. The other old segments' files go, and the old seal; directory synced.
/// 5. `X.swap` becomes `X.seal`; directory synced.
///
/// A crash before step 2 is done leaves the old segments, and the next start removes the `.tmp`
/// files. After it the new one counts, and the next start does what is left to do.
///
/// The `X.swap` file is the seal that the new segment will have: its base and next offset say
/// which segments it replaces. While it is there, no seal or index of theirs is believed. Should
/// it be damaged, nothing is lost either: before step 3 is durable nothing of the old segments is
/// gone, and after it the new one is whole.
struct SegmentSwap {
    let disk: any Disk
    let directory: String

    private static let suffix = ".swap"

    private static func name(_ base: Int64) -> String {
        String(SegmentName.file(base, .log).dropLast(4)) + suffix
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    /// Steps 1 and 2: from the return on the new segment counts.
    /// - Throws: `isDecided` false: nothing has happened. True: nobody can say what a start
    ///   would find.
    func decide(_ summary: SegmentSummary) throws(Failure) {
        let name = Self.name(summary.base)
        do throws(SystemError) {
            try disk.syncDirectory(directory)
            let file = try disk.open(path(name + ".tmp"), .create)
            try file.truncate(to: 0)
            try SegmentSeal.bytes(summary).withUnsafeBytes { (raw) throws(SystemError) in
                try file.write(raw, at: 0)
            }
            try file.syncData()
        } catch {
            discard(name + ".tmp")
            throw Failure(cause: error, isDecided: false)
        }
        do throws(SystemError) {
            try disk.rename(path(name + ".tmp"), to: path(name))
            try disk.syncDirectory(directory)
        } catch {
            throw Failure(cause: error, isDecided: true)
        }
    }

    /// What cannot be removed now goes at the next start.
    private func discard(_ name: String) {
        do throws(SystemError) {
            if try disk.entry(path(name)) != nil { try disk.remove(path(name)) }
        } catch {
            return
        }
    }

    struct Failure: Error {
        let cause: SystemError
        let isDecided: Bool
    }

    /// Step 3 without its sync: the new files get their names. Does nothing where they have them.
    func rename(_ base: Int64) throws(SystemError) {
        for kind in CleanedSegment.kinds {
            let aside = path(CleanedSegment.aside(base, kind))
            if try disk.entry(aside) != nil {
                try disk.rename(aside, to: path(SegmentName.file(base, kind)))
            }
        }
    }

    /// The rest of step 3, and steps 4 and 5.
    func complete(_ summary: SegmentSummary) throws(SystemError) {
        try disk.syncDirectory(directory)
        for name in try disk.list(directory) {
            guard let (base, kind) = SegmentName.parse(name) else { continue }
            let isReplaced = base > summary.base && base < summary.nextOffset
            // Producer state kept for the durable mark lies behind every closed segment.
            if isReplaced || base == summary.base && kind == .seal { try disk.remove(path(name)) }
        }
        try disk.syncDirectory(directory)
        try disk.rename(
            path(Self.name(summary.base)), to: path(SegmentName.file(summary.base, .seal)))
        try disk.syncDirectory(directory)
    }

    static func isName(_ name: String) -> Bool { name.hasSuffix(suffix) }

    /// The offsets of the segments that the decision file `name` replaces; its base offset alone
    /// where it is damaged, nil where it has gone.
    func range(_ name: String) throws(SystemError) -> Range<Int64>? {
        let bytes: ByteSlice
        do throws(SystemError) {
            bytes = try disk.readAll(path(name), bytesMax: 4096)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        if let summary = SegmentSeal.summary(bytes), summary.base < summary.nextOffset {
            return summary.base..<summary.nextOffset
        }
        guard let base = Int64(name.dropLast(Self.suffix.count)), base < Int64.max else {
            return nil
        }
        return base..<base + 1
    }

    /// What recovery does first: ends the swaps that were decided. Returns what it did, as
    /// sentences.
    func completeAll() throws(SystemError) -> [String] {
        var notes: [String] = []
        guard try disk.entry(directory) != nil else { return notes }
        for name in try disk.list(directory) where name.hasSuffix(Self.suffix) {
            let summary = SegmentSeal.summary(try disk.readAll(path(name), bytesMax: 4096))
            var isThere = false
            if let summary, Self.name(summary.base) == name {
                try rename(summary.base)
                let log = path(SegmentName.file(summary.base, .log))
                isThere = try disk.entry(log) == .file(size: summary.byteCount)
            }
            // Nothing is removed for a new segment that is not in its place.
            guard let summary, isThere else {
                // The old seal may speak of the new file: it goes as well.
                let seal = path(String(name.dropLast(Self.suffix.count)) + ".seal")
                if try disk.entry(seal) != nil { try disk.remove(seal) }
                try disk.remove(path(name))
                notes.append("\(name) is damaged; removed")
                continue
            }
            try complete(summary)
            notes.append("finished the compaction of segment \(summary.base)")
        }
        return notes
    }
}
