internal import CVarvePlatform

/// Strings between their JSON form and their characters.
package enum JSONEscapes {
    /// How many bytes from the first on, inside a JSON string, are good without another look:
    /// ASCII and escapes of one letter. Sixty-four at a time where the processor can.
    /// - Parameter isEscaped: becomes 1 where an escape is among them.
    @inline(__always)
    static func plainCount(_ text: UnsafeRawBufferPointer, isEscaped: inout Int32) -> Int {
        guard let base = text.baseAddress else { return 0 }
        return varve_json_plain(base, text.count, &isEscaped)
    }

    /// The same without such instructions: the oracle in tests.
    package static func plainCounts(
        _ text: ByteSlice
    ) -> (fast: Int, portable: Int, fastEscaped: Bool, portableEscaped: Bool) {
        text.withUnsafeBytes { bytes in
            var fast: Int32 = 0
            var portable: Int32 = 0
            let count = plainCount(bytes, isEscaped: &fast)
            let other = bytes.baseAddress.map {
                varve_json_plain_portable($0, bytes.count, &portable)
            }
            return (count, other ?? 0, fast != 0, portable != 0)
        }
    }

    /// The value of a hexadecimal digit; nil for any other byte.
    package static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The UTF-8 that `text`, the inside of a checked JSON string, stands for. Lone surrogates
    /// become U+FFFD; an escape that is none stays as it is.
    package static func unescaped(_ text: ByteSlice) -> ByteSlice {
        var out = ByteWriter(capacity: text.count)
        text.withUnsafeBytes { unescape($0, into: &out) }
        return out.finish()
    }

    /// The same, appended to `out`.
    package static func unescape(_ bytes: UnsafeRawBufferPointer, into out: inout ByteWriter) {
        var clean = 0
        var position = 0
        while position < bytes.count {
            guard bytes[position] == UInt8(ascii: "\\"), position + 1 < bytes.count else {
                position += 1
                continue
            }
            out.bytes(UnsafeRawBufferPointer(rebasing: bytes[clean..<position]))
            switch bytes[position + 1] {
            case UInt8(ascii: "b"): out.uint8(0x08)
            case UInt8(ascii: "f"): out.uint8(0x0C)
            case UInt8(ascii: "n"): out.uint8(0x0A)
            case UInt8(ascii: "r"): out.uint8(0x0D)
            case UInt8(ascii: "t"): out.uint8(0x09)
            case UInt8(ascii: "u"):
                position += unicode(bytes, at: position, into: &out)
                clean = position
                continue
            default: out.uint8(bytes[position + 1])
            }
            position += 2
            clean = position
        }
        out.bytes(UnsafeRawBufferPointer(rebasing: bytes[clean..<bytes.count]))
    }

    /// Writes the character of the `\uXXXX` at `position`, or of the surrogate pair that starts
    /// there; returns how many bytes of the text it took.
    private static func unicode(
        _ bytes: UnsafeRawBufferPointer, at position: Int, into out: inout ByteWriter
    ) -> Int {
        guard let first = codeUnit(bytes, at: position) else {
            out.uint8(bytes[position])
            return 1
        }
        var value = first
        var taken = 6
        if first & 0xFC00 == 0xD800, let second = codeUnit(bytes, at: position + 6),
            second & 0xFC00 == 0xDC00
        {
            value = 0x10000 + (first & 0x3FF) << 10 + (second & 0x3FF)
            taken = 12
        }
        let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
        for byte in UTF8.encode(scalar)! { out.uint8(byte) }
        return taken
    }

    private static func codeUnit(_ bytes: UnsafeRawBufferPointer, at position: Int) -> UInt32? {
        guard position + 6 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return nil }
        var value: UInt32 = 0
        for index in position + 2..<position + 6 {
            guard let digit = hexDigit(bytes[index]) else { return nil }
            value = value << 4 | digit
        }
        return value
    }
}

extension ByteWriter {
    /// Appends `text`, UTF-8, as a JSON string with its quotes. Bytes that are no UTF-8 become
    /// U+FFFD, so that the result is always valid JSON.
    package mutating func jsonString(_ text: ByteSlice) {
        // Invalid UTF-8 is rare: one check of the whole, then runs are copied as they are.
        guard text.isUTF8 else { return jsonString(ByteSlice(text.string)) }
        uint8(UInt8(ascii: "\""))
        text.withUnsafeBytes { bytes in
            var clean = 0
            for position in 0..<bytes.count {
                let byte = bytes[position]
                if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                    && byte != 0x7F
                {
                    continue
                }
                self.bytes(UnsafeRawBufferPointer(rebasing: bytes[clean..<position]))
                clean = position + 1
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    uint8(UInt8(ascii: "\\"))
                    uint8(byte)
                case 0x0A: utf8("\\n")
                case 0x0D: utf8("\\r")
                case 0x09: utf8("\\t")
                default:
                    utf8("\\u00")
                    uint8(Self.hexDigits[Int(byte >> 4)])
                    uint8(Self.hexDigits[Int(byte & 15)])
                }
            }
            self.bytes(UnsafeRawBufferPointer(rebasing: bytes[clean..<bytes.count]))
        }
        uint8(UInt8(ascii: "\""))
    }

    package mutating func jsonString(_ text: String) { jsonString(ByteSlice(text)) }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}
