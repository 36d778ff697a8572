package import VarvePlatform
internal import VarveRecords

/// The name of an archive file: which events of which partition are in it.
///
///     <directory>/<topic>/date=2026-01-31/<topic>-<partition>-<first>-<last>.ndjson.lz4
///
/// First and last offset have 20 digits, so that names sort as offsets do. A file holds events of
/// one UTC day, by the record's timestamp, in the order of their offsets. Offsets between first
/// and last may be missing: other days' events, and what was never to be archived.
package struct ArchiveFile: Hashable, Sendable {
    package let topic: String
    package let partition: Int32
    package let first: Int64
    package let last: Int64

    static let suffix = ".ndjson.lz4"

    init(topic: String, partition: Int32, first: Int64, last: Int64) {
        self.topic = topic
        self.partition = partition
        self.first = first
        self.last = last
    }

    /// Reads a name back; nil when it is none of `topic`'s files.
    init?(name: String, topic: String) {
        guard name.hasPrefix(topic + "-"), name.hasSuffix(Self.suffix) else { return nil }
        let parts = name.dropFirst(topic.count + 1).dropLast(Self.suffix.count)
            .split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let partition = Int32(parts[0]), let first = Int64(parts[1]),
            let last = Int64(parts[2]), first <= last
        else { return nil }
        self.init(topic: topic, partition: partition, first: first, last: last)
    }

    package var name: String {
        "\(topic)-\(partition)-\(Self.digits(first))-\(Self.digits(last))\(Self.suffix)"
    }

    /// What it is called while it is being written.
    var asideName: String { ".\(name).tmp" }

    func overlaps(_ range: ClosedRange<Int64>) -> Bool { (first...last).overlaps(range) }

    private static func digits(_ offset: Int64) -> String {
        let text = String(offset)
        return String(repeating: "0", count: max(0, 20 - text.count)) + text
    }

    /// The largest file, decompressed, that is read back.
    static let bytesMax = 1 << 30

    /// The lines of an archive file with their offsets, in the file's order.
    /// - Throws: `.damaged` when the file is no LZ4 frame of our lines, or a disk error.
    package static func lines(
        of path: String, on disk: any Disk
    ) throws(ArchiveError) -> [(offset: Int64, line: ByteSlice)] {
        let compressed: ByteSlice
        do throws(SystemError) {
            compressed = try disk.readAll(path, bytesMax: bytesMax)
        } catch { throw .disk(error) }
        let text: ByteSlice
        do throws(RecordError) {
            text = try CompressionCodec.lz4.decompress(compressed, bytesMax: bytesMax)
        } catch { throw .damaged(path: path, reason: "\(error)") }
        var result: [(offset: Int64, line: ByteSlice)] = []
        var start = 0
        while start < text.count {
            let rest = text[start..<text.count]
            let length = rest.withUnsafeBytes { $0.firstIndex(of: 0x0A) }
            guard let length, let event = ArchiveLine.event(text[start..<start + length]) else {
                throw .damaged(path: path, reason: "no event in the line at byte \(start)")
            }
            result.append((event.offset, text[start..<start + length + 1]))
            start += length + 1
        }
        return result
    }
}

/// Why a file of the archive could not be written or read back.
package enum ArchiveError: Error, Equatable, Sendable, CustomStringConvertible {
    case disk(SystemError)
    case damaged(path: String, reason: String)
    case compression(String)

    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .damaged(let path, let reason): "\(path): \(reason)"
        case .compression(let reason): "LZ4: \(reason)"
        }
    }
}
