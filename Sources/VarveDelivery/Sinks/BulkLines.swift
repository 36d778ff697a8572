internal import VarvePlatform

/// The lines of a bulk request: of each event the action and the document.
///
///     {"create":{"_index":…,"_id":…}}
///     the document with its `@timestamp`
struct BulkLines {
    private let index: EventTemplate
    private var out: ByteWriter
    /// Where each event's two lines end.
    private var ends: [Int] = []
    /// What the action of a partition's events begins with, up to the offset; of the last event's
    /// partition, and only where the index has one name for all its events.
    private var head: (topic: String, partition: Int32, text: ByteSlice)?
    private let isFixed: Bool

    /// Room for what goes around a document.
    private static let frameBytes = 192

    init(_ batch: [Event], _ index: EventTemplate) {
        self.index = index
        isFixed = index.isFixed
        var bytes = 0
        for place in batch.indices { bytes += (batch[place].value?.count ?? 0) + Self.frameBytes }
        out = ByteWriter(capacity: bytes)
        ends.reserveCapacity(batch.count)
        for event in batch {
            append(event)
            ends.append(out.count)
        }
    }

    /// All lines, and a way to cut those of some events out of them.
    consuming func finish() -> (text: ByteSlice, ends: [Int]) { (out.finish(), ends) }

    private mutating func append(_ event: Event) {
        if isFixed, let value = event.value, Self.goesAsItIs(value) {
            if head?.partition != event.partition || head?.topic != event.topic {
                head = (event.topic, event.partition, head(event))
            }
            out.bytes(head!.text)
            out.decimal(event.offset)
            out.utf8("\"}}\n")
            out.bytes(value)
        } else {
            let body = EventBody(event)
            let time = body.milliseconds(of: event)
            let name = index.fill(event, milliseconds: time) { body.object.field($0)?.text }
            action(name, event.identity)
            out.utf8("\"}}\n")
            Self.document(body, time, into: &out)
        }
        out.uint8(0x0A)
    }

    /// Whether the value is a document already: one object on one line, with its time.
    private static func goesAsItIs(_ value: ByteSlice) -> Bool {
        do throws(JSONError) {
            let outline = try JSONOutline(value, member: "@timestamp")
            return outline.kind == .object && outline.isBare && outline.hasMember
                && !outline.hasNewline
        } catch {
            // No JSON: an ordinary case (plain syslog lines), wrapped by `EventBody`.
            return false
        }
    }

    private func head(_ event: Event) -> ByteSlice {
        var lines = BulkLines([], index)
        let name = index.fill(event, milliseconds: 0) { _ in nil }
        lines.action(name, "\(event.topic)-\(event.partition)-")
        return lines.out.finish()
    }

    /// `{"create":{"_index":"…","_id":"…`, without the end of the identity.
    private mutating func action(_ name: String?, _ identity: String) {
        out.utf8("{\"create\":{\"_index\":")
        out.jsonString(Self.indexName(name ?? "logs-unrouted-default"))
        out.utf8(",\"_id\":")
        out.jsonString(identity)
        out.cut(to: out.count - 1)
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
