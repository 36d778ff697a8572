internal import VarvePlatform

/// Keeps bytes that recovery takes out of a log (I7): a copy, and beside it a report in JSON.
///
/// The name says topic, partition, segment, position, length and checksum, so that a recovery
/// that was cut short writes the same piece again, and a different piece never takes its place.
struct Quarantine {
    let disk: any Disk
    let directory: String

    /// What the report says besides the bytes' place.
    struct Origin {
        let topic: String
        let partition: Int32
        let segmentBase: Int64
        let path: String
        let kind: Damage.Kind
        let firstOffset: Int64
        let nextOffset: Int64
        /// Wall clock, ms since 1970.
        let now: Int64
    }

    private static let pieceBytes = 1 << 20

    /// Copies `range` of `file`; durable on return. Returns the copy's path.
    func keep(
        _ range: Range<Int64>, of file: any DiskFile, _ origin: Origin
    ) throws(SystemError) -> String {
        let checksum = try checksum(of: range, file)
        let name =
            "\(origin.topic)-\(origin.partition)-\(origin.segmentBase)-\(range.lowerBound)-"
            + "\(range.upperBound - range.lowerBound)-" + String(checksum, radix: 16)
        let path = directory + "/" + name + ".bytes"
        let copy = try disk.open(path, .create)
        try eachPiece(of: range, file) { (bytes, position) throws(SystemError) in
            try copy.write(bytes, at: position - range.lowerBound)
        }
        try copy.syncData()
        try disk.replace(
            directory + "/" + name + ".json", with: report(range, checksum, origin),
            inDirectory: directory)
        return path
    }

    private func report(_ range: Range<Int64>, _ checksum: UInt32, _ origin: Origin) -> ByteSlice {
        let json = JSON.object([
            ("kind", .string(origin.kind.rawValue)), ("topic", .string(origin.topic)),
            ("partition", .int(Int64(origin.partition))), ("segment", .string(origin.path)),
            ("position", .int(range.lowerBound)),
            ("bytes", .int(range.upperBound - range.lowerBound)),
            ("crc32c", .string(String(checksum, radix: 16))),
            ("firstMissingOffset", .int(origin.firstOffset)),
            ("nextOffset", .int(origin.nextOffset)),
            ("found", .string(Timestamp.text(milliseconds: origin.now))),
        ])
        return ByteSlice(json.text(indent: true) + "\n")
    }

    private func checksum(
        of range: Range<Int64>, _ file: any DiskFile
    ) throws(SystemError) -> UInt32 {
        var checksum: UInt32 = 0
        try eachPiece(of: range, file) { (bytes, _) throws(SystemError) in
            checksum = CRC32C.checksum(bytes, seed: checksum)
        }
        return checksum
    }

    private func eachPiece(
        of range: Range<Int64>, _ file: any DiskFile,
        _ body: (UnsafeRawBufferPointer, Int64) throws(SystemError) -> Void
    ) throws(SystemError) {
        let piece = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.pieceBytes, alignment: 16)
        defer { piece.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let count = try file.read(
                into: UnsafeMutableRawBufferPointer(
                    rebasing: piece[..<Int(min(Int64(piece.count), range.upperBound - position))]),
                at: position)
            guard count > 0 else { return }
            try body(UnsafeRawBufferPointer(rebasing: piece[..<count]), position)
            position += Int64(count)
        }
    }
}
