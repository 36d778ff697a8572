package import VarvePlatform

/// The Common Event Format: `CEF:0|vendor|product|version|class|name|severity|key=value …`.
///
/// Source: ArcSight Common Event Format, version 25 (header escapes `\` and `|`, extension escapes
/// `\` and `=`, line ends as `\n` and `\r`; limits of the header fields as receivers enforce them).
package struct CEF: Sendable {
    package let vendor: String
    package let product: String
    package let version: String

    package init(vendor: String, product: String, version: String) {
        self.vendor = vendor
        self.product = product
        self.version = version
    }

    /// The event as one line of CEF, without a line end.
    /// - Parameter body: the event's value, as it was read once for header and fields.
    /// - Parameter bytesMax: what is longer loses the end of its `msg`, then its last fields.
    package func text(_ event: Event, _ body: EventBody, bytesMax: Int) -> ByteSlice {
        let fields = CEFFields(event, body)
        var out = ByteWriter(capacity: 512)
        out.utf8("CEF:0|")
        let header: [(String, Int)] = [
            (fields.vendor ?? vendor, 63), (fields.product ?? product, 63),
            (fields.version ?? version, 31), (fields.classID, 1023), (fields.name, 512),
            (String(fields.severity), 2),
        ]
        for (text, charactersMax) in header {
            out.utf8(Self.headerText(String(text.prefix(charactersMax))))
            out.utf8("|")
        }
        var isFirst = true
        for (key, value) in fields.extension {
            let room = bytesMax - out.count - key.utf8.count - 2
            // Escaping only lengthens: of what cannot fit no more than the room is looked at.
            let isLonger = value.utf8.count > room
            var text = Self.extensionText(isLonger ? String(value.prefix(max(room, 0))) : value)
            if isLonger || text.utf8.count > room {
                // Only free text is cut; half an address or name would be a wrong one.
                guard key == "msg", room > 16 else { continue }
                text = Self.cut(text, to: room)
            }
            out.utf8(isFirst ? "" : " ")
            isFirst = false
            out.utf8(key)
            out.utf8("=")
            out.utf8(text)
        }
        return out.finish()
    }

    /// A header field: `\` and `|` escaped; a line end or other control character would end the
    /// message at some receivers, so it becomes a space.
    package static func headerText(_ text: String) -> String {
        escaped(text) { byte in
            switch byte {
            case UInt8(ascii: "\\"): "\\\\"
            case UInt8(ascii: "|"): "\\|"
            default: nil
            }
        }
    }

    /// An extension's value: `\` and `=` escaped, line ends written as `\n` and `\r`, so that no
    /// event can bring a message of its own into the stream.
    package static func extensionText(_ text: String) -> String {
        escaped(text) { byte in
            switch byte {
            case UInt8(ascii: "\\"): "\\\\"
            case UInt8(ascii: "="): "\\="
            case 0x0A: "\\n"
            case 0x0D: "\\r"
            default: nil
            }
        }
    }

    /// `text` with some ASCII characters replaced, and a space for each other control character:
    /// C0, DEL, C1 (U+0080 to U+009F) and Unicode's two line separators (U+2028, U+2029).
    private static func escaped(
        _ text: String, _ replacement: (UInt8) -> StaticString?
    ) -> String {
        var text = text
        return text.withUTF8 { bytes in
            var out: [UInt8] = []
            out.reserveCapacity(bytes.count + 16)
            var position = 0
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                if let replacement = replacement(byte) {
                    replacement.withUTF8Buffer { out.append(contentsOf: $0) }
                } else if byte < 0x20 || byte == 0x7F {
                    out.append(0x20)
                } else if byte == 0xC2, position < bytes.count, bytes[position] < 0xA0 {
                    out.append(0x20)
                    position += 1
                } else if byte == 0xE2, position + 1 < bytes.count, bytes[position] == 0x80,
                    bytes[position + 1] & 0xFE == 0xA8
                {
                    out.append(0x20)
                    position += 2
                } else {
                    out.append(byte)
                }
            }
            return String(decoding: out, as: UTF8.self)
        }
    }

    /// At most `bytesMax` bytes of `text`, not ending in half a character or half an escape.
    private static func cut(_ text: String, to bytesMax: Int) -> String {
        var bytes = 0
        var result = ""
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            if bytes > bytesMax - 3 { break }
            result.unicodeScalars.append(scalar)
        }
        let slashes = result.reversed().prefix { $0 == "\\" }.count
        if slashes % 2 == 1 { result.removeLast() }
        return result + "…"
    }
}
