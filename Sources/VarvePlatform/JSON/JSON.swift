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
        case .string(let value): out += Self.quoted(value)
        case .array(let values):
            Self.list(values.count, "[", "]", to: &out, level: level) { index, out, level in
                values[index].write(to: &out, level: level)
            }
        case .object(let members):
            Self.list(members.count, "{", "}", to: &out, level: level) { index, out, level in
                out += Self.quoted(members[index].name)
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

    /// `text` as a JSON string, quotes included.
    package static func quoted(_ text: String) -> String {
        var writer = ByteWriter(capacity: text.utf8.count + 2)
        writer.jsonString(text)
        return writer.finish().string
    }
}

// MARK: Reading

extension JSON {
    /// Reads one JSON text, as strictly as `JSONDocument` does. Fit for small texts: every value
    /// becomes one in memory.
    package init(parsing text: ByteSlice) throws(JSONError) {
        self.init(try JSONDocument(text).root)
    }

    package init(parsing text: String) throws(JSONError) {
        try self.init(parsing: ByteSlice(text))
    }

    /// At most `JSONDocument.depthMax` levels, so the recursion has its bound.
    private init(_ value: JSONValue) {
        switch value.kind {
        case .null: self = .null
        case .bool: self = .bool(value.bool ?? false)
        case .string: self = .string(value.string ?? "")
        case .number:
            self = Int64(value.raw.string).map(JSON.int) ?? .double(value.double ?? .nan)
        case .array: self = .array(value.elements.map { JSON($0) })
        case .object:
            var members: [(name: String, value: JSON)] = []
            value.forEachMember { name, value in
                members.append((name.string, JSON(value)))
                return true
            }
            self = .object(members)
        }
    }
}
