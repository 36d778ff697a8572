internal import VarvePlatform

/// Writes JSON (RFC 8259) piece by piece, commas by itself.
struct JSONText {
    private(set) var text = ""
    private var needsComma = false

    mutating func object(_ name: String? = nil, _ body: (inout JSONText) -> Void) {
        nest(name, "{", "}", body)
    }

    mutating func array(_ name: String? = nil, _ body: (inout JSONText) -> Void) {
        nest(name, "[", "]", body)
    }

    mutating func field(_ name: String, _ value: String?) {
        begin(name)
        text += value.map(JSON.quoted) ?? "null"
    }

    mutating func field(_ name: String, _ value: some BinaryInteger) {
        begin(name)
        text += "\(value)"
    }

    /// Null for nil.
    mutating func field(_ name: String, _ value: Int64?) {
        begin(name)
        text += value.map { "\($0)" } ?? "null"
    }

    mutating func null(_ name: String) {
        begin(name)
        text += "null"
    }

    mutating func field(_ name: String, _ value: Bool) {
        begin(name)
        text += value ? "true" : "false"
    }

    mutating func element(_ value: String) {
        begin(nil)
        text += JSON.quoted(value)
    }

    private mutating func begin(_ name: String?) {
        if needsComma { text += "," }
        needsComma = true
        if let name { text += JSON.quoted(name) + ":" }
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
