internal import VarvePlatform

/// Cuts a stream of bytes into lines, without their newline and otherwise as they are.
///
/// Reads on threads of its own: a terminal or a `tail -F` may give nothing for hours, and the
/// cooperative threads are few.
struct LineReader {
    /// A line longer than this is an error: no broker would take it (I8).
    static let lineBytesMax = 64 << 20
    private static let chunkBytes = 256 << 10

    private let descriptor: Int32
    private let isStopping: @Sendable () -> Bool
    private var chunk = ByteSlice()
    /// The start of a line whose end has not been read yet.
    private var begun = ByteWriter()
    private var isAtEnd = false

    /// - Parameter isStopping: asked while there is nothing to read; true is the end.
    init(descriptor: Int32, isStopping: @escaping @Sendable () -> Bool = { false }) {
        self.descriptor = descriptor
        self.isStopping = isStopping
    }

    /// The next line; nil at the end. The last line need not end in a newline.
    mutating func next() async throws(CommandError) -> ByteSlice? {
        while true {
            if let end = chunk.firstNewline {
                let line = chunk[..<end]
                chunk = chunk[(end + 1)...]
                if begun.count == 0 { return line }
                begun.bytes(line)
                return begun.finish()
            }
            begun.bytes(chunk)
            chunk = ByteSlice()
            if isAtEnd { return begun.count > 0 ? begun.finish() : nil }
            guard begun.count <= Self.lineBytesMax else {
                throw .failed("a line is longer than \(Self.lineBytesMax >> 20) MiB")
            }
            let (descriptor, isStopping) = (descriptor, isStopping)
            let read = await Blocking.run("reader") { () -> Result<ByteSlice, SystemError> in
                do throws(SystemError) {
                    while try !StandardStreams.waitReadable(descriptor, timeoutMilliseconds: 200) {
                        if isStopping() { return .success(ByteSlice()) }
                    }
                    let piece = try ByteSlice(filling: Self.chunkBytes) {
                        (buffer) throws(SystemError) in
                        try StandardStreams.read(descriptor, into: buffer)
                    }
                    return .success(piece)
                } catch {
                    return .failure(error)
                }
            }
            do throws(SystemError) {
                chunk = try read.get()
            } catch {
                throw .failed("cannot read: \(error)")
            }
            isAtEnd = chunk.isEmpty
        }
    }
}

extension ByteSlice {
    /// The index of the first newline.
    fileprivate var firstNewline: Int? {
        withUnsafeBytes { bytes in bytes.firstIndex(of: UInt8(ascii: "\n")) }
    }

    /// The index at which `separator` first stands.
    func firstIndex(of separator: ByteSlice) -> Int? {
        guard !separator.isEmpty, count >= separator.count else { return nil }
        return withUnsafeBytes { bytes in
            separator.withUnsafeBytes { wanted in
                (0...bytes.count - wanted.count).first { start in
                    bytes[start..<start + wanted.count].elementsEqual(wanted)
                }
            }
        }
    }
}
