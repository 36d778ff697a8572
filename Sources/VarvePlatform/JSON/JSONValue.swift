/// One value of a checked JSON text. Cheap to copy; keeps the text's memory alive.
package struct JSONValue: Sendable {
    let document: JSONDocument
    let index: Int

    private var token: JSONToken { document.tokens[index] }

    package var kind: JSONKind { token.kind }

    /// The value as it stands in the text.
    package var raw: ByteSlice { document.bytes[Int(token.start)..<Int(token.end)] }

    /// A string's characters as UTF-8; nil for any other kind.
    package var stringBytes: ByteSlice? {
        guard kind == .string else { return nil }
        let inside = document.bytes[Int(token.start) + 1..<Int(token.end) - 1]
        return token.isEscaped ? JSONEscapes.unescaped(inside) : inside
    }

    /// A string's characters; nil for any other kind.
    package var string: String? { stringBytes?.string }

    /// A string's characters, or a number, `true` or `false` as it is written; nil for null,
    /// objects and arrays.
    package var text: String? {
        switch kind {
        case .string: string
        case .number, .bool: raw.string
        case .null, .object, .array: nil
        }
    }

    /// The whole number a number is, or a string that is written as one; nil for anything else.
    package var integer: Int64? {
        switch kind {
        case .number, .string: text.flatMap { Int64($0) }
        default: nil
        }
    }

    /// A number's value, rounded to double precision; nil for other kinds.
    package var double: Double? { kind == .number ? Double(raw.string) : nil }

    package var bool: Bool? { kind == .bool ? raw[0] == UInt8(ascii: "t") : nil }

    /// Gives `body` each member of an object in order until it returns false. Other kinds have
    /// none. A name comes as UTF-8; a name that stands twice comes twice.
    package func forEachMember(_ body: (_ name: ByteSlice, _ value: JSONValue) -> Bool) {
        guard kind == .object else { return }
        let end = Int(token.next)
        var at = index + 1
        while at < end {
            let name = JSONValue(document: document, index: at)
            let value = JSONValue(document: document, index: at + 1)
            guard body(name.stringBytes ?? ByteSlice(), value) else { return }
            at = Int(document.tokens[at + 1].next)
        }
    }

    /// Gives `body` each element of an array in order until it returns false. Other kinds have
    /// none.
    package func forEachElement(_ body: (JSONValue) -> Bool) {
        guard kind == .array else { return }
        let end = Int(token.next)
        var at = index + 1
        while at < end {
            guard body(JSONValue(document: document, index: at)) else { return }
            at = Int(document.tokens[at].next)
        }
    }

    /// An array's elements, or none.
    package var elements: [JSONValue] {
        var result: [JSONValue] = []
        forEachElement {
            result.append($0)
            return true
        }
        return result
    }

    /// The value at `path` below this object: `source.ip` finds the member `ip` of the member
    /// `source`, and also a member that is itself called `source.ip`, as shippers write both.
    /// The first that matches counts; nil when none does.
    package func field(_ path: FieldPath) -> JSONValue? { field(dotted: path.dotted) }

    package func field(dotted: ByteSlice) -> JSONValue? {
        guard kind == .object else { return nil }
        let found = document.bytes.withUnsafeBytes { text in
            dotted.withUnsafeBytes { path in
                document.tokens.withUnsafeBufferPointer { tokens in
                    FieldSearch(text: text, path: path, tokens: tokens).find(in: index, from: 0)
                }
            }
        }
        return found.map { JSONValue(document: document, index: $0) }
    }
}

/// The way to a field: `source.ip`, or Logstash's `[source][ip]`.
package struct FieldPath: Hashable, Sendable, CustomStringConvertible {
    /// The names from the outside in, joined with dots.
    package let dotted: ByteSlice

    package init(_ text: String) {
        if text.hasPrefix("["), text.hasSuffix("]") {
            let inside = text.dropFirst().dropLast()
            dotted = ByteSlice(inside.split(separator: "][").joined(separator: "."))
        } else {
            dotted = ByteSlice(text)
        }
    }

    package var description: String { dotted.string }

    /// The first name, and what comes after it; nil where nothing does.
    package static func split(_ dotted: ByteSlice) -> (first: ByteSlice, rest: ByteSlice?) {
        for index in 0..<dotted.count where dotted[index] == UInt8(ascii: ".") {
            return (dotted[0..<index], dotted[index + 1..<dotted.count])
        }
        return (dotted, nil)
    }

    /// What is left of `dotted` below the member `name`; nil when it does not lead through it.
    package static func rest(of dotted: ByteSlice, after name: ByteSlice) -> ByteSlice? {
        guard dotted.count > name.count + 1, dotted[name.count] == UInt8(ascii: "."),
            dotted[0..<name.count] == name
        else { return nil }
        return dotted[name.count + 1..<dotted.count]
    }
}

extension FieldPath: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}
