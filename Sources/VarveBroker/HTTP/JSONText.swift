/// Writes JSON (RFC 8259) piece by piece, commas by itself.
struct JSONText {
    private(set) var text = ""
    private var needsComma = false

    /// A JSON string: quotes, backslashes and control characters escaped.
    static func quoted(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    mutating func object(_ name: String? = nil, _ body: (inout JSONText) -> Void) {
        nest(name, "{", "}", body)
    }

    mutating func array(_ name: String? = nil, _ body: (inout JSONText) -> Void) {
        nest(name, "[", "]", body)
    }

    mutating func field(_ name: String, _ value: String?) {
        begin(name)
        text += value.map(Self.quoted) ?? "null"
    }

    mutating func field(_ name: String, _ value: some BinaryInteger) {
        begin(name)
        text += "\(value)"
    }

    mutating func field(_ name: String, _ value: Bool) {
        begin(name)
        text += value ? "true" : "false"
    }

    mutating func element(_ value: String) {
        begin(nil)
        text += Self.quoted(value)
    }

    private mutating func begin(_ name: String?) {
        if needsComma { text += "," }
        needsComma = true
        if let name { text += Self.quoted(name) + ":" }
    }

    private mutating func nest(
        _ name: String?, _ open: String, _ close: String, _ body: (inout JSONText) -> Void
    ) {
        begin(name)
        text += open
        needsComma = false
        body(&self)
        text += close
        needsComma = true
    }
}
