internal import FoundationEssentials
package import VarvePlatform

/// An event's value as the object that sinks of documents store.
package struct EventBody: Sendable {
    /// The value when it is a JSON object, else the object that wraps it.
    package let object: JSONValue
    /// The value was no JSON object and `object` wraps it.
    package let isWrapped: Bool

    package init(_ event: Event) {
        if let value = event.value {
            do throws(JSONError) {
                let root = try JSONDocument(value).root
                if root.kind == .object {
                    object = root
                    isWrapped = false
                    return
                }
            } catch {
                // No JSON: an ordinary case (plain syslog lines), wrapped below.
            }
        }
        object = JSONNode.wrapping(event.value)
        isWrapped = true
    }

    /// The event's own time, milliseconds since 1970: `@timestamp` where it is an RFC 3339 text,
    /// else the record's timestamp.
    package func milliseconds(of event: Event) -> Int64 {
        if let text = object.field(Self.timestampPath)?.string,
            let time = Timestamp.milliseconds(text)
        {
            return time
        }
        return event.timestamp
    }

    static let timestampPath = FieldPath("@timestamp")
}

extension JSONNode {
    /// `{"message":"…"}` around bytes that are no JSON object; a missing value makes it null.
    /// Bytes that are no UTF-8 stand beside it once more, whole, as `message_base64`.
    static func wrapping(_ value: ByteSlice?) -> JSONValue {
        var out = ByteWriter(capacity: (value?.count ?? 0) + 32)
        out.utf8("{\"message\":")
        if let value {
            // Shippers of lines leave the line's end on; it is no part of the message.
            var count = value.count
            while count > 0, value[count - 1] == 0x0A || value[count - 1] == 0x0D { count -= 1 }
            out.jsonString(value[0..<count])
            if !value.isUTF8 {
                out.utf8(",\"message_base64\":\"")
                out.utf8(value.base64)
                out.utf8("\"")
            }
        } else {
            out.utf8("null")
        }
        out.utf8("}")
        guard case .value(let wrapped) = JSONNode.literal(out.finish()) else {
            preconditionFailure("a literal is a value")
        }
        return wrapped
    }
}

extension ByteSlice {
    /// RFC 4648 section 4.
    package var base64: String { withUnsafeBytes { Data($0).base64EncodedString() } }

    /// The bytes that `base64` stands for; nil when it is not RFC 4648 section 4.
    package init?(base64: ByteSlice) {
        guard let data = base64.withUnsafeBytes({ Data(base64Encoded: Data($0)) }) else {
            return nil
        }
        self = data.withUnsafeBytes { ByteSlice(copying: $0) }
    }
}
