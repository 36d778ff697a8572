extension UnsafeRawBufferPointer {
    /// Whether a line feed or carriage return is among the bytes: what would break a line in two.
    var hasNewline: Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var position = 0
        // Eight bytes at a time. Where a byte is zero after the exclusive or, taking one from it
        // borrows and sets its top bit, and nowhere else first (Hacker's Delight, 6-1).
        while position + 8 <= count {
            let word = loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let feeds = word ^ (ones &* 0x0A)
            let returns = word ^ (ones &* 0x0D)
            let found = ((feeds &- ones) & ~feeds) | ((returns &- ones) & ~returns)
            if found & tops != 0 { return true }
            position += 8
        }
        return self[position...].contains { $0 == 0x0A || $0 == 0x0D }
    }
}
