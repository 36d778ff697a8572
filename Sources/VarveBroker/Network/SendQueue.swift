internal import VarvePlatform

/// Bytes on their way to one peer, in order, and how much of them it has taken.
struct SendQueue {
    private var pieces: [ByteSlice] = []
    private var head = 0
    /// Bytes of the first piece that have left.
    private var offset = 0
    /// Bytes that have not left.
    private(set) var byteCount = 0

    var isEmpty: Bool { byteCount == 0 }

    mutating func append(_ piece: ByteSlice) {
        guard !piece.isEmpty else { return }
        pieces.append(piece)
        byteCount += piece.count
    }

    /// Hands to `stream` what it takes now; returns the bytes taken.
    mutating func send(to stream: borrowing SocketStream) throws(TLSError) -> Int {
        var total = 0
        while head < pieces.count {
            let count = try stream.write(pieces[head...], from: offset)
            if count == 0 { break }
            total += count
            drop(count)
        }
        return total
    }

    private mutating func drop(_ count: Int) {
        byteCount -= count
        var rest = count + offset
        while head < pieces.count, rest >= pieces[head].count {
            rest -= pieces[head].count
            // Its memory goes now, not when the whole queue has left.
            pieces[head] = ByteSlice()
            head += 1
        }
        offset = rest
        if head == pieces.count {
            pieces.removeAll(keepingCapacity: pieces.count < 64)
            head = 0
        } else if head >= 1024 {
            pieces.removeFirst(head)
            head = 0
        }
    }
}
