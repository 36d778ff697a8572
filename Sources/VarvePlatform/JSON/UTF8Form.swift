/// Well-formed UTF-8, told without making strings of it.
enum UTF8Form {
    /// The bytes of the character of two to four bytes at `position`, whose first byte is not
    /// ASCII; nil where it is not well-formed: cut short, overlong, a surrogate, above U+10FFFF
    /// (RFC 3629 section 4).
    static func length(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int? {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch bytes[position] {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard position + length <= bytes.count, second.contains(bytes[position + 1]) else {
            return nil
        }
        for index in position + 2..<position + length where bytes[index] & 0xC0 != 0x80 {
            return nil
        }
        return length
    }
}

extension ByteSlice {
    /// Whether all bytes are well-formed UTF-8.
    package var isUTF8: Bool {
        withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                // Eight ASCII bytes at a time where they are.
                if position + 8 <= bytes.count,
                    bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                        & 0x8080_8080_8080_8080 == 0
                {
                    position += 8
                } else if bytes[position] < 0x80 {
                    position += 1
                } else if let length = UTF8Form.length(bytes, at: position) {
                    position += length
                } else {
                    return false
                }
            }
            return true
        }
    }
}
