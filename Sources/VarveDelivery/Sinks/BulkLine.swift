internal import VarvePlatform

/// One event as the two lines of a bulk request: the action and the document.
enum BulkLine {
    /// `{"create":{"_index":…,"_id":…}}`, the document with its `@timestamp`, and both newlines.
    static func make(_ event: Event, _ index: EventTemplate) -> ByteSlice {
        let body = EventBody(event)
        let time = body.milliseconds(of: event)
        let name = index.fill(event, milliseconds: time) { body.object.field($0)?.text }
        var out = ByteWriter(capacity: (event.value?.count ?? 0) + 256)
        out.utf8("{\"create\":{\"_index\":")
        out.jsonString(indexName(name ?? "logs-unrouted-default"))
        out.utf8(",\"_id\":")
        out.jsonString(event.identity)
        out.utf8("}}\n")
        document(body, time, into: &out)
        out.utf8("\n")
        return out.finish()
    }

    private static func document(_ body: EventBody, _ time: Int64, into out: inout ByteWriter) {
        let raw = body.object.raw
        let start = out.count
        if body.object.field("@timestamp") == nil {
            // A data stream takes no document without it.
            out.utf8("{\"@timestamp\":\"")
            out.utf8(Timestamp.text(milliseconds: time))
            out.utf8("\"")
            var hasMembers = false
            body.object.forEachMember { _, _ in
                hasMembers = true
                return false
            }
            out.utf8(hasMembers ? "," : "}")
            if hasMembers { out.bytes(raw[1..<raw.count]) }
        } else {
            out.bytes(raw)
        }
        out.replaceNewlines(from: start)
    }

    /// `name` as an index can be called: lower case, none of `\ / * ? " < > |`, space, comma, `#`
    /// and `:`, not starting with `-`, `_` or `+`, at most 255 bytes.
    /// Source: Elasticsearch's create index API, "path parameters".
    static func indexName(_ name: String) -> String {
        var result: [UInt8] = []
        for byte in name.lowercased().utf8 {
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "+"):
                if !result.isEmpty { result.append(byte) }
            case 0...0x20, 0x7F, UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "*"),
                UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"),
                UInt8(ascii: "|"), UInt8(ascii: ","), UInt8(ascii: "#"), UInt8(ascii: ":"):
                result.append(UInt8(ascii: "_"))
            default: result.append(byte)
            }
        }
        let text = String(decoding: result.prefix(255), as: UTF8.self)
        return text.isEmpty || text == "." || text == ".." ? "logs-unrouted-default" : text
    }
}

extension ByteWriter {
    /// Makes spaces of the line ends from `position` on. In JSON they stand between values only,
    /// and a line of NDJSON ends at them.
    mutating func replaceNewlines(from position: Int) {
        let text = withUnsafeBytes { bytes -> ByteSlice? in
            let part = UnsafeRawBufferPointer(rebasing: bytes[position...])
            guard part.hasNewline else { return nil }
            return ByteSlice(part.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        }
        guard let text else { return }
        cut(to: position)
        bytes(text)
    }
}

/// Percent-encoding of what stands in a URL's query (RFC 3986 section 2.3: unreserved characters
/// stay).
enum URLText {
    static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                result += "%" + (hex.count == 1 ? "0" : "") + hex
            }
        }
        return result
    }
}
