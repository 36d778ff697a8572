internal import FoundationEssentials
internal import VarvePlatform
internal import VarveRecords

/// How `consume` and `replay` print a record.
///
/// A text format has kcat's tokens: `%s` value, `%k` key, `%t` topic, `%p` partition, `%o` offset,
/// `%T` timestamp in milliseconds, `%h` headers as `a=1,b=2`, `%S` and `%K` the byte counts of
/// value and key (-1 without one), `%%`, and `\n`, `\t`, `\r`, `\\`. Source: kcat(1), `-f`.
struct RecordFormat: Sendable {
    private enum Piece: Sendable {
        case text(ByteSlice)
        case token(Character)
    }
    private let pieces: [Piece]
    private let isJSON: Bool

    /// One JSON object a line, with the names that rpk uses.
    static let json = RecordFormat(pieces: [], isJSON: true)

    private init(pieces: [Piece], isJSON: Bool) {
        self.pieces = pieces
        self.isJSON = isJSON
    }

    private static let tokens: Set<Character> = ["s", "k", "t", "p", "o", "T", "h", "S", "K"]

    init(_ format: String) throws(CommandError) {
        var pieces: [Piece] = []
        var text = ""
        var rest = format[...]
        while let character = rest.popFirst() {
            switch character {
            case "\\":
                switch rest.popFirst() {
                case "n": text += "\n"
                case "t": text += "\t"
                case "r": text += "\r"
                case "\\": text += "\\"
                case let other: throw .usage("--format: \\\(other.map(String.init) ?? "") is nothing")
                }
            case "%":
                guard let token = rest.popFirst() else { throw .usage("--format: ends in %") }
                if token == "%" {
                    text += "%"
                    continue
                }
                guard Self.tokens.contains(token) else {
                    throw .usage(
                        "--format: %\(token) is none of %s %k %t %p %o %T %h %S %K %%")
                }
                if !text.isEmpty { pieces.append(.text(ByteSlice(text))) }
                text = ""
                pieces.append(.token(token))
            default: text.append(character)
            }
        }
        if !text.isEmpty { pieces.append(.text(ByteSlice(text))) }
        self.init(pieces: pieces, isJSON: false)
    }

    /// The record as it is printed, the format's or JSON's newline included.
    func bytes(_ record: Record, topic: String, partition: Int32) -> ByteSlice {
        var writer = ByteWriter(capacity: 256 + (record.value?.count ?? 0))
        if isJSON {
            writer.utf8(JSONOutput.line(Line(record, topic: topic, partition: partition)))
            return writer.finish()
        }
        for piece in pieces {
            switch piece {
            case .text(let text): writer.bytes(text)
            case .token("s"): if let value = record.value { writer.bytes(value) }
            case .token("k"): if let key = record.key { writer.bytes(key) }
            case .token("t"): writer.utf8(topic)
            case .token("p"): writer.utf8(String(partition))
            case .token("o"): writer.utf8(String(record.offset))
            case .token("T"): writer.utf8(String(record.timestamp))
            case .token("S"): writer.utf8(String(record.value?.count ?? -1))
            case .token("K"): writer.utf8(String(record.key?.count ?? -1))
            case .token("h"):
                for (index, header) in record.headers.enumerated() {
                    if index > 0 { writer.utf8(",") }
                    writer.bytes(header.name)
                    writer.utf8("=")
                    if let value = header.value { writer.bytes(value) }
                }
            case .token(let token): preconditionFailure("unknown token \(token)")
            }
        }
        return writer.finish()
    }

    /// A record as JSON. Bytes that are not UTF-8 stand in base64 under another name, so that
    /// nothing is lost and nothing is mistaken.
    private struct Line: Encodable {
        struct Header: Encodable {
            let key: String
            let value: String?
            let valueBase64: String?
        }
        let topic: String
        let partition: Int32
        let offset: Int64
        let timestamp: Int64
        let key: String?
        let keyBase64: String?
        let value: String?
        let valueBase64: String?
        let headers: [Header]?

        init(_ record: Record, topic: String, partition: Int32) {
            self.topic = topic
            self.partition = partition
            offset = record.offset
            timestamp = record.timestamp
            (key, keyBase64) = Self.text(record.key)
            (value, valueBase64) = Self.text(record.value)
            headers =
                record.headers.isEmpty
                ? nil
                : record.headers.map { header in
                    let (value, base64) = Self.text(header.value)
                    return Header(key: header.name.string, value: value, valueBase64: base64)
                }
        }

        private static func text(_ bytes: ByteSlice?) -> (String?, String?) {
            guard let bytes else { return (nil, nil) }
            if let text = bytes.validString { return (text, nil) }
            return (nil, bytes.withUnsafeBytes { Data($0) }.base64EncodedString())
        }
    }
}
