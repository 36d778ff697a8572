package import VarvePlatform
internal import VarveRecords

/// One event as a line of the archive.
///
///     {"topic":"zeek","partition":0,"offset":7,"timestamp":1767225600123,
///      "key":"…","headers":[{"name":"…","value":"…"}],"value":{…}}
///
/// Every byte string can be had back exactly, and its form says how:
///
///     value            a JSON text, embedded byte for byte
///     valueText        other UTF-8, as a JSON string; also JSON with line ends in it
///     valueBase64      bytes that are no UTF-8
///     (none of them)   the record has no value
///
/// `key`, and `value` of a header, are strings where the bytes are UTF-8; else they are called
/// `keyBase64`, `valueBase64`. Absent means the record has none.
package enum ArchiveLine {
    /// The line with its newline.
    package static func make(_ event: Event) -> ByteSlice {
        var out = ByteWriter(capacity: (event.value?.count ?? 0) + 192)
        append(event, head(topic: event.topic, partition: event.partition), to: &out)
        return out.finish()
    }

    /// What the lines of a partition begin with, up to the offset.
    static func head(topic: String, partition: Int32) -> ByteSlice {
        var out = ByteWriter(capacity: 64)
        out.utf8("{\"topic\":")
        out.jsonString(topic)
        out.utf8(",\"partition\":\(partition),\"offset\":")
        return out.finish()
    }

    /// Appends the event's line with its newline.
    /// - Parameter head: that of the event's topic and partition.
    static func append(_ event: Event, _ head: ByteSlice, to out: inout ByteWriter) {
        out.bytes(head)
        out.decimal(event.offset)
        out.utf8(",\"timestamp\":")
        out.decimal(event.timestamp)
        if let key = event.key { out.text(key, named: "key") }
        if !event.headers.isEmpty {
            out.utf8(",\"headers\":[")
            for (index, header) in event.headers.enumerated() {
                out.utf8(index > 0 ? ",{\"name\":" : "{\"name\":")
                out.jsonString(header.name)
                if let value = header.value { out.text(value, named: "value") }
                out.utf8("}")
            }
            out.utf8("]")
        }
        if let value = event.value {
            if isEmbeddable(value) {
                out.utf8(",\"value\":")
                out.bytes(value)
            } else if value.isUTF8 {
                out.utf8(",\"valueText\":")
                out.jsonString(value)
            } else {
                out.utf8(",\"valueBase64\":\"")
                out.utf8(value.base64)
                out.utf8("\"")
            }
        }
        out.utf8("}\n")
    }

    /// Whether `value` is JSON that a reader gets back byte for byte out of a line: nothing around
    /// it, and no line end between its values.
    private static func isEmbeddable(_ value: ByteSlice) -> Bool {
        do throws(JSONError) {
            let outline = try JSONOutline(value)
            return outline.isBare && !outline.hasNewline
        } catch {
            return false
        }
    }

    /// The event that a line describes; nil when it is none of ours.
    package static func event(_ line: ByteSlice) -> Event? {
        let root: JSONValue
        do throws(JSONError) {
            root = try JSONDocument(line).root
        } catch {
            return nil
        }
        guard let topic = root.field("topic")?.string,
            let partition = root.field("partition")?.integer.flatMap({ Int32(exactly: $0) }),
            let offset = root.field("offset")?.integer,
            let timestamp = root.field("timestamp")?.integer
        else { return nil }
        let headers = (root.field("headers")?.elements ?? []).map { header in
            RecordHeader(
                name: header.field("name")?.stringBytes ?? ByteSlice(),
                value: header.bytes(named: "value"))
        }
        return Event(
            topic: topic, partition: partition, offset: offset, timestamp: timestamp,
            key: root.bytes(named: "key"),
            value: root.field("value")?.raw ?? root.field("valueText")?.stringBytes
                ?? root.field("valueBase64")?.base64Bytes,
            headers: headers)
    }
}

extension ByteWriter {
    /// `,"name":"…"`, or `,"nameBase64":"…"` for bytes that are no UTF-8.
    fileprivate mutating func text(_ bytes: ByteSlice, named name: String) {
        if bytes.isUTF8 {
            utf8(",\"\(name)\":")
            jsonString(bytes)
        } else {
            utf8(",\"\(name)Base64\":\"")
            utf8(bytes.base64)
            utf8("\"")
        }
    }
}

extension JSONValue {
    fileprivate func bytes(named name: String) -> ByteSlice? {
        field(FieldPath(name))?.stringBytes ?? field(FieldPath(name + "Base64"))?.base64Bytes
    }

    fileprivate var base64Bytes: ByteSlice? { stringBytes.flatMap { ByteSlice(base64: $0) } }
}
