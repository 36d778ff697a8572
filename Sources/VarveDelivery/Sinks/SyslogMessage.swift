package import VarvePlatform

/// RFC 5424 messages that carry CEF.
package struct SyslogMessage: Sendable {
    private let cef: CEF
    private let facility: Int
    private let appName: String
    private let bytesMax: Int

    package init(_ configuration: SyslogConfiguration) {
        cef = CEF(
            vendor: configuration.vendor, product: configuration.product,
            version: configuration.version)
        facility = configuration.facility
        appName = configuration.appName
        bytesMax = configuration.messageBytesMax
    }

    /// `<PRI>1 TIMESTAMP HOST APP - - - CEF:0|…`, without framing.
    package func text(_ event: Event) -> ByteSlice {
        let body = EventBody(event)
        // The informational severity (6): how grave the event is stands in CEF's own header.
        var out = ByteWriter(capacity: 1024)
        out.utf8("<\(facility * 8 + 6)>1 ")
        let time = body.milliseconds(of: event)
        out.utf8(time < 0 ? "-" : Timestamp.text(milliseconds: time))
        out.utf8(" \(Self.hostName(body)) \(appName) - - - ")
        out.bytes(cef.text(event, body, bytesMax: max(bytesMax - out.count, 128)))
        return out.finish()
    }

    /// `MSG-LEN SP SYSLOG-MSG` (RFC 6587 section 3.4.1): no byte of the message can end it early.
    package func octetCounted(_ event: Event) -> ByteSlice {
        let message = text(event)
        var out = ByteWriter(capacity: message.count + 8)
        out.utf8("\(message.count) ")
        out.bytes(message)
        return out.finish()
    }

    /// The event's host as HOSTNAME: 1 to 255 printable characters of US-ASCII; `-` without one
    /// (RFC 5424 section 6.2.4).
    private static func hostName(_ body: EventBody) -> String {
        for path in ["host.name", "host.hostname", "agent.hostname", "Hostname", "host"]
            as [FieldPath]
        {
            guard let text = body.object.field(path)?.text else { continue }
            let name = text.utf8.filter { $0 > 0x20 && $0 < 0x7F }.prefix(255)
            if !name.isEmpty { return String(decoding: name, as: UTF8.self) }
        }
        return "-"
    }
}
