internal import VarvePlatform

/// What may stand, unseen, behind the end of a file that a log goes on with, and how it goes.
///
/// A file's end need not be the end of what the disk has of it. In the block that the end lies in,
/// ext4 and XFS may have written an append's bytes while the size that covers them was lost with
/// the power. Nobody sees such bytes, recovery neither; but ext4 lets the size grow on disk before
/// the data of the next append, and a second power cut then shows the old bytes where the new ones
/// were to be: a whole batch of an earlier life, at an offset that was given out again since.
/// Behind a cut that has not reached the disk in order, XFS may keep whole blocks as well.
///
/// So before a life's first append the rest of the block becomes zeros, durably, and the file is
/// cut where it was, which gives back all blocks behind (ext4 and XFS do that also where the size
/// stays what it is). From then on there are zeros behind the end, or what this life wrote.
///
/// A crash before the zeros are durable leaves what there was, or shows some of it: nothing had been
/// said of this life's end yet, so the next start may keep a batch that is whole, as it would have
/// if the power had spared the size. One after that leaves a tail of zeros, a torn tail like any
/// other. Either way the next start does it all again (I5).
enum LastBlock {
    /// The largest block of ext4 and XFS. Source: mkfs.ext4(8), mkfs.xfs(8).
    private static let blockBytesMax: Int64 = 1 << 16

    /// Makes sure that the file, which has `end` bytes, can only grow by what is written from now
    /// on; durable on return. False where the disk is too full for that: the file is as it was, and
    /// must not grow.
    /// - Throws: nothing is known of what is behind `end`.
    static func clear(_ file: any DiskFile, behind end: Int64) throws(SystemError) -> Bool {
        let rest = (blockBytesMax - end % blockBytesMax) % blockBytesMax
        var hasRoom = true
        do throws(SystemError) {
            if rest > 0 { try file.writeZeros(end..<end + rest) }
        } catch {
            guard error.isOnlyFull else { throw error }
            hasRoom = false
        }
        if hasRoom { try file.syncData() }
        try file.truncate(to: end)
        try file.syncData()
        return hasRoom
    }
}
