internal import VarvePlatform

/// How far a partition is compacted, over restarts.
///
/// The `compacted` file of a partition, big-endian:
///
///     offset size field
///          0    8 magic "VarveCC1"
///          8    8 first dirty offset: every record before it was compared with all before it
///         16    8 when the last of the tombstones found may go, ms since 1970; -1: there are none
///         24    4 CRC-32C of bytes 0 to 23
///
/// Only a help: without it the whole log counts as dirty and is compacted once more.
struct CompactionCheckpoint: Equatable, Sendable {
    static let fileName = "compacted"
    private static let magic = "VarveCC1"

    var firstDirtyOffset: Int64
    var lastHorizon: Int64 = -1

    var bytes: ByteSlice {
        var writer = ByteWriter(capacity: 32)
        writer.utf8(Self.magic)
        writer.int64(firstDirtyOffset)
        writer.int64(lastHorizon)
        let checksum = writer.withUnsafeBytes { CRC32C.checksum($0) }
        writer.uint32(checksum)
        return writer.finish()
    }

    init(firstDirtyOffset: Int64, lastHorizon: Int64 = -1) {
        self.firstDirtyOffset = firstDirtyOffset
        self.lastHorizon = lastHorizon
    }

    /// Nil when `bytes` are no checkpoint, or damaged.
    init?(_ bytes: ByteSlice) {
        guard bytes.count == 28, bytes[0..<8].string == Self.magic else { return nil }
        let found = bytes[0..<24].withUnsafeBytes { CRC32C.checksum($0) }
        var reader = ByteReader(bytes, at: 8)
        guard let dirty = try? reader.int64(), let horizon = try? reader.int64(),
            (try? reader.uint32()) == found
        else { return nil }
        firstDirtyOffset = dirty
        lastHorizon = horizon
    }

    /// The partition's checkpoint; nil when there is none that can be believed.
    static func read(_ directory: String, _ disk: any Disk) throws(SystemError) -> Self? {
        let path = directory + "/" + fileName
        guard case .file(let size)? = try disk.entry(path), size <= 4096 else { return nil }
        return Self(try disk.readAll(path))
    }
}
