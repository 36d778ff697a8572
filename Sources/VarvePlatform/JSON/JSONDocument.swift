/// Why bytes are no JSON text.
package enum JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text ends in the middle of a value.
    case endOfText
    /// The byte at `position` cannot stand there.
    case unexpected(position: Int)
    /// The bytes at `position` are no UTF-8, or a control character or an escape is wrong.
    case badString(position: Int)
    case badNumber(position: Int)
    /// More containers are open at `position` than `JSONDocument.depthMax`.
    case tooDeep(position: Int)
    /// The text has more than 2^31-1 bytes.
    case tooLong(count: Int)

    /// The byte that is wrong; nil where the text as a whole is.
    package var position: Int? {
        switch self {
        case .endOfText, .tooLong: nil
        case .unexpected(let position), .badString(let position), .badNumber(let position),
            .tooDeep(let position):
            position
        }
    }

    package var description: String {
        switch self {
        case .endOfText: "the JSON text ends too early"
        case .unexpected(let position): "unexpected byte at \(position) of the JSON text"
        case .badString(let position): "bad string at \(position) of the JSON text"
        case .badNumber(let position): "bad number at \(position) of the JSON text"
        case .tooDeep(let position): "more than \(JSONDocument.depthMax) levels at \(position)"
        case .tooLong(let count): "a JSON text of \(count) bytes"
        }
    }
}

/// What a JSON value is.
package enum JSONKind: UInt8, Sendable {
    case object, array, string, number, bool, null
}

/// A JSON text (RFC 8259) that was checked once, with the place of every value in it.
///
/// One pass finds all values; looking fields up then steps from value to value without touching
/// the bytes between. Strict: UTF-8 throughout, no comments, nothing after the value. Two lenient
/// points, both common in event logs: any value may stand at the top, and an escaped lone
/// surrogate is accepted (it reads as U+FFFD). Takes any bytes whatever without trapping.
package struct JSONDocument: Sendable {
    /// How many containers may be open at once. Elasticsearch takes 20 levels of fields by
    /// default; what is deeper than this is no event.
    package static let depthMax = 128

    package let bytes: ByteSlice
    let tokens: [JSONToken]

    /// Checks all of `bytes`.
    package init(_ bytes: ByteSlice) throws(JSONError) {
        guard bytes.count <= Int(Int32.max) else { throw .tooLong(count: bytes.count) }
        self.bytes = bytes
        tokens = try bytes.withUnsafeBytes { (raw) throws(JSONError) in
            var parser = JSONParser(raw, JSONTokens(textBytes: raw.count))
            try parser.parse()
            return parser.places.tokens
        }
    }

    /// The value that the text is.
    package var root: JSONValue { JSONValue(document: self, index: 0) }
}

/// One value, or one member's name, by its place in the text.
struct JSONToken {
    let kind: JSONKind
    /// A string with a backslash in it.
    let isEscaped: Bool
    /// The first byte; of a string, its opening quote.
    let start: Int32
    /// The byte after the last one; known when the value is complete.
    var end: Int32
    /// The token after this value and all inside it.
    var next: Int32
}

/// Keeps the places of all values.
private struct JSONTokens: JSONPlaces {
    private(set) var tokens: [JSONToken] = []
    /// The tokens of the containers that are open, outermost first.
    private var containers: [Int] = []

    init(textBytes: Int) { tokens.reserveCapacity(min(textBytes / 12 + 4, 4096)) }

    mutating func open(_ kind: JSONKind, at start: Int) {
        containers.append(tokens.count)
        tokens.append(
            JSONToken(kind: kind, isEscaped: false, start: Int32(start), end: 0, next: 0))
    }

    mutating func close(at end: Int) {
        let index = containers.removeLast()
        tokens[index].end = Int32(end)
        tokens[index].next = Int32(tokens.count)
    }

    mutating func name(_ range: Range<Int>, isEscaped: Bool) {
        scalar(.string, range, isEscaped: isEscaped)
    }

    mutating func scalar(_ kind: JSONKind, _ range: Range<Int>, isEscaped: Bool) {
        tokens.append(
            JSONToken(
                kind: kind, isEscaped: isEscaped, start: Int32(range.lowerBound),
                end: Int32(range.upperBound), next: Int32(tokens.count + 1)))
    }
}
