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
    /// - Parameter bytesMax: what is longer loses the end of its `msg`, then its last fields.
    package func text(_ event: Event, bytesMax: Int) -> ByteSlice {
        let body = EventBody(event)
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
            var text = Self.extensionText(value)
            let room = bytesMax - out.count - key.utf8.count - 2
            if text.utf8.count > room {
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
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "|": result += "\\|"
            case _ where scalar.isControl: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// An extension's value: `\` and `=` escaped, line ends written as `\n` and `\r`, so that no
    /// event can bring a message of its own into the stream.
    package static func extensionText(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "=": result += "\\="
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case _ where scalar.isControl: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
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

extension Unicode.Scalar {
    /// C0 and C1 control characters, and the two line separators of Unicode.
    fileprivate var isControl: Bool {
        value < 0x20 || (0x7F...0x9F).contains(value) || value == 0x2028 || value == 0x2029
    }
}
