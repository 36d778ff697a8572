/// Told by a `JSONParser` where each value lies, in the text's order.
protocol JSONPlaces {
    /// An object or array begins; its values follow, then its `close`.
    mutating func open(_ kind: JSONKind, at start: Int)
    /// The innermost container ends before `end`.
    mutating func close(at end: Int)
    /// A member's name, quotes included; its value follows.
    mutating func name(_ range: Range<Int>, isEscaped: Bool)
    /// A value that holds no others.
    mutating func scalar(_ kind: JSONKind, _ range: Range<Int>, isEscaped: Bool)
}

/// The one pass over a JSON text: checks every byte and tells where each value lies.
///
/// Every access is guarded by a comparison with the count, and of the open containers one bit each
/// is kept, so that neither odd bytes nor deep nesting can trap.
struct JSONParser<Places: JSONPlaces> {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private(set) var places: Places
    /// How many containers are open, and of each whether it is an object, the innermost lowest.
    private var depth = 0
    private var objects: UInt128 = 0
    /// A line ends between two values, or around them.
    private(set) var hasNewline = false

    init(_ bytes: UnsafeRawBufferPointer, _ places: Places) {
        self.bytes = bytes
        self.places = places
    }

    private enum Expected {
        case value
        case valueOrEnd
        case name
        case nameOrEnd
        case commaOrEnd
    }

    mutating func parse() throws(JSONError) {
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
                let start = position
                let isEscaped = try string()
                places.name(start..<position, isEscaped: isEscaped)
                skipSpace()
                guard position < bytes.count else { throw .endOfText }
                guard bytes[position] == UInt8(ascii: ":") else {
                    throw .unexpected(position: position)
                }
                position += 1
                expected = .value
                continue
            case .commaOrEnd:
                let isObject = objects & 1 == 1
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
            if depth == 0 {
                skipSpace()
                guard position == bytes.count else { throw .unexpected(position: position) }
                return
            }
        }
    }

    @inline(__always)
    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09: position += 1
            case 0x0A, 0x0D:
                hasNewline = true
                position += 1
            default: return
            }
        }
    }

    private mutating func begin(_ kind: JSONKind) throws(JSONError) {
        guard depth < JSONDocument.depthMax else { throw .tooDeep(position: position) }
        depth += 1
        objects = objects << 1 | (kind == .object ? 1 : 0)
        places.open(kind, at: position)
        position += 1
    }

    private mutating func close() {
        position += 1
        depth -= 1
        objects >>= 1
        places.close(at: position)
    }

    private mutating func scalar(_ byte: UInt8) throws(JSONError) {
        switch byte {
        case UInt8(ascii: "\""):
            let start = position
            let isEscaped = try string()
            places.scalar(.string, start..<position, isEscaped: isEscaped)
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
        places.scalar(kind, start..<position, isEscaped: false)
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
        places.scalar(.number, start..<position, isEscaped: false)
    }

    private mutating func digits(_ start: Int) throws(JSONError) {
        let first = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        guard position > first else { throw .badNumber(position: start) }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// A string with its quotes, `position` at the opening one.
    /// - Returns: whether a backslash is in it.
    private mutating func string() throws(JSONError) -> Bool {
        var isEscaped: Int32 = 0
        position += 1
        while position < bytes.count {
            // Nearly all of an event is plain text in strings.
            position += JSONEscapes.plainCount(
                UnsafeRawBufferPointer(rebasing: bytes[position...]), isEscaped: &isEscaped)
            guard position < bytes.count else { break }
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return isEscaped != 0
            }
            if byte == UInt8(ascii: "\\") {
                isEscaped = 1
                try escape()
            } else if let length = UTF8Form.length(bytes, at: position) {
                position += length
            } else {
                throw .badString(position: position)
            }
        }
        throw .endOfText
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
