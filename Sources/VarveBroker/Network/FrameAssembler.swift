internal import VarvePlatform

/// Why a connection's bytes are no requests.
enum FrameError: Error, Equatable {
    /// The length prefix says less than a request header, or more than `bytesMax`.
    case badLength(Int, bytesMax: Int)

    /// The length is the beginning of a TLS handshake record: type 22, version 3.x (RFC 8446
    /// section 5.1).
    var looksLikeTLS: Bool {
        if case .badLength(let length, _) = self { length >> 16 == 0x1603 } else { false }
    }
}

/// Cuts a stream of bytes into frames: a big-endian Int32 length, then so many bytes.
///
/// Memory follows the bytes that came: a frame announced as 100 MiB of which ten bytes arrived
/// holds 64 KiB (I8). Source: Kafka protocol guide, "Protocol Primitives: Size".
struct FrameAssembler {
    /// The least a frame can hold: api key, version and correlation id.
    static let frameBytesMin = 8
    /// What a frame begins with when it is announced as larger.
    static let firstCapacity = 64 << 10

    /// The longest frame taken, without its prefix (`socket.request.max.bytes`).
    let frameBytesMax: Int
    private var prefix: UInt32 = 0
    private var prefixCount = 0
    private var frameCount = 0
    private var frame: ByteWriter?

    init(frameBytesMax: Int) { self.frameBytesMax = frameBytesMax }

    /// How many frames have begun so far.
    private(set) var begunCount = 0
    /// Whether a frame has begun and not ended.
    var isInsideFrame: Bool { prefixCount > 0 }
    /// Bytes of the begun frame that have come.
    var receivedCount: Int { frame?.count ?? 0 }
    /// Bytes of memory held for the begun frame.
    var capacity: Int { frame?.capacity ?? 0 }
    /// Bytes of the begun frame still to come; 0 while its length is unknown.
    var missingCount: Int { frame.map { frameCount - $0.count } ?? 0 }
    /// Whether the next byte needs more memory than is held, and how much it would then be.
    var capacityWanted: Int? {
        guard let frame, frame.count == frame.capacity else { return nil }
        return min(frame.capacity * 2, frameCount)
    }

    /// Takes `bytes` apart; whole frames go to the end of `frames`.
    mutating func consume(
        _ bytes: UnsafeRawBufferPointer, into frames: inout FrameQueue
    ) throws(FrameError) {
        var rest = bytes
        while !rest.isEmpty {
            if frame == nil {
                guard takePrefix(&rest) else { return }
                frameCount = Int(Int32(bitPattern: prefix))
                guard (Self.frameBytesMin...frameBytesMax).contains(frameCount) else {
                    throw .badLength(frameCount, bytesMax: frameBytesMax)
                }
                if rest.count >= frameCount {
                    frames.append(ByteSlice(copying: .init(rebasing: rest[..<frameCount])))
                    rest = .init(rebasing: rest[frameCount...])
                    prefixCount = 0
                    continue
                }
                frame = ByteWriter(
                    capacity: min(frameCount, max(Self.firstCapacity, rest.count * 2)))
            }
            let count = min(rest.count, missingCount)
            frame!.bytes(UnsafeRawBufferPointer(rebasing: rest[..<count]))
            rest = .init(rebasing: rest[count...])
            finishFrame(into: &frames)
        }
    }

    /// Lets `read` write right into the begun frame's memory. Call it only inside a frame whose
    /// length is known (`missingCount` is not 0). `read` returns the bytes it wrote.
    mutating func fill<Failure: Error>(
        into frames: inout FrameQueue,
        _ read: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        precondition(missingCount > 0)
        try frame!.fill(missingCount, read)
        finishFrame(into: &frames)
    }

    private mutating func finishFrame(into frames: inout FrameQueue) {
        guard missingCount == 0 else { return }
        frames.append(frame!.finish())
        frame = nil
        prefixCount = 0
    }

    /// True when the four bytes of the length are there.
    private mutating func takePrefix(_ rest: inout UnsafeRawBufferPointer) -> Bool {
        while prefixCount < 4 {
            guard let byte = rest.first else { return false }
            if prefixCount == 0 { begunCount += 1 }
            rest = .init(rebasing: rest.dropFirst())
            prefix = prefix << 8 | UInt32(byte)
            prefixCount += 1
        }
        return true
    }
}

/// Frames that wait for their turn, first in, first out.
struct FrameQueue {
    private var frames: [ByteSlice] = []
    private var head = 0

    var isEmpty: Bool { head == frames.count }

    mutating func append(_ frame: ByteSlice) { frames.append(frame) }

    mutating func popFirst() -> ByteSlice? {
        guard head < frames.count else { return nil }
        let frame = frames[head]
        frames[head] = ByteSlice()
        head += 1
        if head == frames.count {
            frames.removeAll(keepingCapacity: frames.capacity <= 64)
            head = 0
        }
        return frame
    }
}
