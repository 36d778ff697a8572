internal import VarvePlatform
internal import VarveRecords

/// Writes lines into a file as one LZ4 frame, through two buffers that stay in the processor's
/// cache: neither the text nor the frame is ever in memory as a whole.
struct ArchiveFrame {
    /// So much text is compressed at a time: some of the frame's blocks of 64 KiB.
    private static let textBytes = 512 << 10
    /// And written when so much has come of it. Measured on ext4: pieces of 64 to 256 KiB cost the
    /// least.
    private static let pieceBytes = 256 << 10

    private let file: any DiskFile
    private let compressor: LZ4FrameWriter
    private var text = ByteWriter(capacity: textBytes + (64 << 10))
    private var frame: ByteWriter
    private var position: Int64 = 0

    /// - Parameter file: empty.
    init(_ file: any DiskFile) throws(ArchiveError) {
        self.file = file
        do throws(RecordError) {
            compressor = try LZ4FrameWriter()
            frame = ByteWriter(
                capacity: Self.pieceBytes + compressor.bytesMax(of: Self.textBytes))
            try compressor.begin(&frame)
        } catch { throw .compression("\(error)") }
    }

    /// Has `body` append whole lines to the text.
    mutating func append(_ body: (inout ByteWriter) -> Void) throws(ArchiveError) {
        body(&text)
        if text.count >= Self.textBytes { try compress() }
    }

    /// Writes what is left. Afterwards the file holds the whole frame, in the page cache.
    mutating func finish() throws(ArchiveError) {
        try compress()
        do throws(RecordError) { try compressor.end(&frame) } catch {
            throw .compression("\(error)")
        }
        try write()
    }

    private mutating func compress() throws(ArchiveError) {
        let result: Result<Void, RecordError> = text.withUnsafeBytes { bytes in
            do throws(RecordError) {
                return .success(try compressor.append(bytes, to: &frame))
            } catch { return .failure(error) }
        }
        if case .failure(let error) = result { throw .compression("\(error)") }
        text.cut(to: 0)
        if frame.count >= Self.pieceBytes { try write() }
    }

    private mutating func write() throws(ArchiveError) {
        let result: Result<Void, SystemError> = frame.withUnsafeBytes { bytes in
            do throws(SystemError) {
                return .success(try file.write(bytes, at: position))
            } catch { return .failure(error) }
        }
        if case .failure(let error) = result { throw .disk(error) }
        position += Int64(frame.count)
        frame.cut(to: 0)
    }
}
