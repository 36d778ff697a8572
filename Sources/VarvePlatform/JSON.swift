/// A JSON value (RFC 8259), for the small files and reports of the modules that do without
/// Foundation. Objects keep the order of their members, so that files read the same every time.
package indirect enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits 64 bits.
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([(name: String, value: JSON)])

    package static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.double(let a), .double(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count
                && zip(a, b).allSatisfy { $0.name == $1.name && $0.value == $1.value }
        default: false
        }
    }

    /// The first member called `name`; nil when this is no object or has none.
    package subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var int: Int64? {
        if case .int(let value) = self { value } else { nil }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var array: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var members: [(name: String, value: JSON)]? {
        if case .object(let value) = self { value } else { nil }
    }
}

// MARK: Writing

extension JSON {
    /// The value as text. `indent` adds line breaks and two spaces a level.
    package func text(indent: Bool = false) -> String {
        var out = ""
        write(to: &out, level: indent ? 0 : nil)
        return out
    }

    private func write(to out: inout String, level: Int?) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .int(let value): out += String(value)
        // JSON has no infinities and no NaN (RFC 8259 section 6).
        case .double(let value): out += value.isFinite ? String(value) : "null"
        case .string(let value): Self.quote(value, to: &out)
        case .array(let values):
            Self.list(values.count, "[", "]", to: &out, level: level) { index, out, level in
                values[index].write(to: &out, level: level)
            }
        case .object(let members):
            Self.list(members.count, "{", "}", to: &out, level: level) { index, out, level in
                Self.quote(members[index].name, to: &out)
                out += level == nil ? ":" : ": "
                members[index].value.write(to: &out, level: level)
            }
        }
    }

    private static func list(
        _ count: Int, _ open: String, _ close: String, to out: inout String, level: Int?,
        _ element: (Int, inout String, Int?) -> Void
    ) {
        out += open
        let inner = level.map { $0 + 1 }
        for index in 0..<count {
            if index > 0 { out += "," }
            if let inner { out += "\n" + String(repeating: "  ", count: inner) }
            element(index, &out, inner)
        }
        if let level, count > 0 { out += "\n" + String(repeating: "  ", count: level) }
        out += close
    }

    /// Appends `text` as a JSON string, quotes included.
    package static func quote(_ text: String, to out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}

// MARK: Reading

/// Where a text stops being JSON.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    package let position: Int
    package let reason: String
    package var description: String { "not JSON at byte \(position): \(reason)" }
}

extension JSON {
    /// Arrays and objects may be nested this deep; deeper text is refused, not recursed into.
    package static let depthMax = 64

    /// Reads one JSON text.
    package init(parsing text: ByteSlice) throws(JSONError) {
        var parser = JSONParser(bytes: text)
        self = try parser.document()
    }

    package init(parsing text: String) throws(JSONError) {
        try self.init(parsing: ByteSlice(text))
    }
}

private struct JSONParser {
    let bytes: ByteSlice
    var position = 0

    mutating func document() throws(JSONError) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("text after the value") }
        return value
    }

    private func failure(_ reason: String) -> JSONError {
        JSONError(position: position, reason: reason)
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let count = word.utf8CodeUnitCount
        guard position + count <= bytes.count,
            bytes[position..<position + count] == ByteSlice(stringLiteral: word)
        else { throw failure("unknown word") }
        position += count
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth < JSON.depthMax else { throw failure("nested too deep") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw failure("the text ends early")
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        position += 1
        var members: [(name: String, value: JSON)] = []
        skipSpace()
        if take("}") { return .object(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw failure("a member's name is missing") }
            let name = try string()
            skipSpace()
            guard take(":") else { throw failure("a colon is missing") }
            members.append((name, try value(depth: depth + 1)))
            skipSpace()
            if take("}") { return .object(members) }
            guard take(",") else { throw failure("a comma or } is missing") }
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        position += 1
        var values: [JSON] = []
        skipSpace()
        if take("]") { return .array(values) }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            if take("]") { return .array(values) }
            guard take(",") else { throw failure("a comma or ] is missing") }
        }
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else {
                    throw failure("a string is not UTF-8")
                }
                return valid
            case UInt8(ascii: "\\"): try escape(to: &text)
            case 0..<0x20: throw failure("a control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("a string does not end")
    }

    private mutating func escape(to text: inout [UInt8]) throws(JSONError) {
        guard let byte = next else { throw failure("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if (0xD800..<0xDC00).contains(code) {
                guard take("\\"), take("u") else { throw failure("half a surrogate pair") }
                let low = try codeUnit()
                guard (0xDC00..<0xE000).contains(low) else {
                    throw failure("half a surrogate pair")
                }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
            text.append(contentsOf: String(Character(scalar)).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func codeUnit() throws(JSONError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let digits = bytes[position..<position + 4].validString,
            digits.allSatisfy(\.isHexDigit), let code = UInt32(digits, radix: 16)
        else { throw failure("a \\u escape needs four hex digits") }
        position += 4
        return code
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        _ = take("-")
        let integer = digits()
        let leadingZero = integer > 1 && bytes[position - integer] == UInt8(ascii: "0")
        guard integer > 0, !leadingZero else { throw failure("not a value") }
        var isInteger = true
        if take(".") {
            isInteger = false
            guard digits() > 0 else { throw failure("a digit is missing") }
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("+") { _ = take("-") }
            guard digits() > 0 else { throw failure("a digit is missing") }
        }
        let text = bytes[start..<position].string
        if isInteger, let value = Int64(text) { return .int(value) }
        guard let value = Double(text) else { throw failure("not a number") }
        return .double(value)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = next, byte >= 0x30, byte <= 0x39 { position += 1 }
        return position - start
    }
}
