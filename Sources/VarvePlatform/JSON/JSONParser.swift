/// The one pass over a JSON text: checks every byte and notes where each value lies.
///
/// Every access is guarded by a comparison with the count, and the open containers stand on a
/// list of our own, so that neither odd bytes nor deep nesting can trap.
struct JSONParser {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var tokens: [JSONToken] = []
    /// The tokens of the containers that are open, outermost first.
    private var open: [Int] = []

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        tokens.reserveCapacity(min(bytes.count / 12 + 4, 4096))
    }

    private enum Expected {
        case value
        case valueOrEnd
        case name
        case nameOrEnd
        case commaOrEnd
    }

    mutating func parse() throws(JSONError) -> [JSONToken] {
        var expected = Expected.value
        while true {
            skipSpace()
            guard position < bytes.count else { throw .endOfText }
            let byte = bytes[position]
            switch expected {
            case .valueOrEnd where byte == UInt8(ascii: "]"),
                .nameOrEnd where byte == UInt8(ascii: "}"):
                close()
                expected = .commaOrEnd
            case .value, .valueOrEnd:
                switch byte {
                case UInt8(ascii: "{"):
                    try begin(.object)
                    expected = .nameOrEnd
                    continue
                case UInt8(ascii: "["):
                    try begin(.array)
                    expected = .valueOrEnd
                    continue
                default: try scalar(byte)
                }
                expected = .commaOrEnd
            case .name, .nameOrEnd:
                guard byte == UInt8(ascii: "\"") else { throw .unexpected(position: position) }
                try string()
                skipSpace()
                guard position < bytes.count else { throw .endOfText }
                guard bytes[position] == UInt8(ascii: ":") else {
                    throw .unexpected(position: position)
                }
                position += 1
                expected = .value
                continue
            case .commaOrEnd:
                let isObject = tokens[open[open.count - 1]].kind == .object
                if byte == UInt8(ascii: ",") {
                    position += 1
                    expected = isObject ? .name : .value
                    continue
                }
                guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw .unexpected(position: position)
                }
                close()
            }
            // A value has just ended; when it was the outermost one, only space may follow.
            if open.isEmpty {
                skipSpace()
                guard position == bytes.count else { throw .unexpected(position: position) }
                return tokens
            }
        }
    }

    @inline(__always)
    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func begin(_ kind: JSONKind) throws(JSONError) {
        guard open.count < JSONDocument.depthMax else { throw .tooDeep(position: position) }
        open.append(tokens.count)
        tokens.append(
            JSONToken(kind: kind, isEscaped: false, start: Int32(position), end: 0, next: 0))
        position += 1
    }

    private mutating func close() {
        position += 1
        let index = open.removeLast()
        tokens[index].end = Int32(position)
        tokens[index].next = Int32(tokens.count)
    }

    private mutating func add(_ kind: JSONKind, from start: Int, isEscaped: Bool = false) {
        tokens.append(
            JSONToken(
                kind: kind, isEscaped: isEscaped, start: Int32(start), end: Int32(position),
                next: Int32(tokens.count + 1)))
    }

    private mutating func scalar(_ byte: UInt8) throws(JSONError) {
        switch byte {
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "t"): try word("true", .bool)
        case UInt8(ascii: "f"): try word("false", .bool)
        case UInt8(ascii: "n"): try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw .unexpected(position: position)
        }
    }

    private mutating func word(_ word: StaticString, _ kind: JSONKind) throws(JSONError) {
        let start = position
        let length = word.utf8CodeUnitCount
        guard bytes.count - start >= length else { throw .endOfText }
        for index in 0..<length where bytes[start + index] != word.utf8Start[index] {
            throw .unexpected(position: start + index)
        }
        position += length
        add(kind, from: start)
    }

    /// RFC 8259 section 6: no leading zeros, no plus, digits on both sides of the point.
    private mutating func number() throws(JSONError) {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        if position < bytes.count, bytes[position] == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits(start)
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            try digits(start)
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count,
                bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
            {
                position += 1
            }
            try digits(start)
        }
        add(.number, from: start)
    }

    private mutating func digits(_ start: Int) throws(JSONError) {
        let first = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        guard position > first else { throw .badNumber(position: start) }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// A string with its quotes, `position` at the opening one.
    private mutating func string() throws(JSONError) {
        let start = position
        var isEscaped = false
        position += 1
        while position < bytes.count {
            skipPlain()
            guard position < bytes.count else { break }
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                add(.string, from: start, isEscaped: isEscaped)
                return
            }
            if byte == UInt8(ascii: "\\") {
                isEscaped = true
                try escape()
            } else if byte < 0x20 {
                throw .badString(position: position)
            } else if byte < 0x80 {
                position += 1
            } else if let length = UTF8Form.length(bytes, at: position) {
                position += length
            } else {
                throw .badString(position: position)
            }
        }
        throw .endOfText
    }

    /// Passes over plain text eight bytes at a time: nearly all of an event is that, in strings.
    @inline(__always)
    private mutating func skipPlain() {
        var at = position
        while at + 8 <= bytes.count {
            let count = Self.plainCount(bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            at += count
            if count < 8 { break }
        }
        position = at
    }

    /// How many of eight bytes, from the first on, are ASCII that stands for itself in a string.
    ///
    /// Each byte that is not gets its top bit set: one that has it, one below a space (the
    /// subtraction borrows), a quote and a backslash (which the exclusive or makes zero). A borrow
    /// reaches only bytes behind such a one, so the first is right.
    @inline(__always)
    private static func plainCount(_ word: UInt64) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let word = UInt64(littleEndian: word)
        let controls = word &- (ones &* 0x20)
        let quotes = (word ^ (ones &* 0x22)) &- ones
        let backslashes = (word ^ (ones &* 0x5C)) &- ones
        let found = (controls | quotes | backslashes | word) & tops
        return found.trailingZeroBitCount / 8
    }

    private mutating func escape() throws(JSONError) {
        guard position + 1 < bytes.count else { throw .endOfText }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            guard position + 6 <= bytes.count else { throw .endOfText }
            for index in position + 2..<position + 6
            where JSONEscapes.hexDigit(bytes[index]) == nil {
                throw .badString(position: index)
            }
            position += 6
        default: throw .badString(position: position)
        }
    }
}
