internal import VarvePlatform

/// What an event says in CEF's terms: from its ECS fields, or from flat Windows and Sysmon fields.
struct CEFFields {
    let vendor: String?
    let product: String?
    let version: String?
    let classID: String
    let name: String
    /// 0 to 10.
    let severity: Int
    /// Keys and unescaped values, in the order they are written; `msg` last, as it may be cut.
    let `extension`: [(key: String, value: String)]

    init(_ event: Event, _ body: EventBody) {
        let object = body.object
        func text(_ paths: FieldPath...) -> String? {
            for path in paths {
                guard let field = object.field(path) else { continue }
                if let text = field.text, !text.isEmpty, text != "-" { return text }
                if let text = field.elements.compactMap(\.text).first { return text }
            }
            return nil
        }
        let isWindows = WindowsFields.isWindows { object.field($0)?.text }
        vendor = text("observer.vendor", "cef.device.vendor") ?? (isWindows ? "Microsoft" : nil)
        product =
            text("observer.product", "cef.device.product")
            ?? (isWindows ? text("SourceName", "Channel") : nil)
        version = text("observer.version", "cef.device.version")
        let code = text("event.code", "rule.id", "EventID", "winlog.event_id")
        classID = code ?? text("event.action", "event.dataset") ?? event.topic
        name =
            text("cef.name", "rule.name", "event.action", "Category", "Task")
            ?? text("message", "Message").map { Self.firstLine($0) }
            ?? "\(event.topic) \(code ?? "event")"
        severity = Self.severity(
            text("event.severity"), text("log.level", "Severity", "SeverityValue", "level"))

        var fields: [(key: String, value: String)] = [
            ("rt", String(Self.milliseconds(event, body, isWindows)))
        ]
        var taken: Set<String> = ["rt"]
        func add(_ key: String, _ value: String?) {
            guard let value, taken.insert(key).inserted else { return }
            fields.append((key, value))
        }
        for (key, path) in Self.ecs { add(key, text(path)) }
        for (key, path) in Self.times {
            add(key, text(path).flatMap { Timestamp.milliseconds($0) }.map { String($0) })
        }
        if isWindows {
            for (key, path) in Self.windows { add(key, text(path)) }
            for (path, ecs) in WindowsFields.ecs(eventID: code) {
                for (key, target) in Self.ecs where target == ecs { add(key, text(path)) }
            }
        }
        add("dvchost", text("host.name", "host.hostname", "agent.hostname"))
        add("dvc", text("host.ip"))
        // The same at every redelivery, so that a receiver can tell one (D4).
        add("externalId", event.identity)
        add("msg", text("message", "Message") ?? (body.isWrapped ? nil : object.raw.string))
        `extension` = fields
    }

    /// Where delivery.md's and the CEF codec's mapping puts ECS fields.
    /// Source: Logstash's cef codec, ECS compatibility v8, "encode" direction.
    private static let ecs: [(key: String, path: FieldPath)] = [
        ("src", "source.ip"), ("spt", "source.port"), ("shost", "source.domain"),
        ("smac", "source.mac"), ("suser", "source.user.name"), ("suid", "source.user.id"),
        ("sproc", "source.process.name"), ("dst", "destination.ip"),
        ("dpt", "destination.port"), ("dhost", "destination.domain"),
        ("dmac", "destination.mac"), ("duser", "destination.user.name"),
        ("duid", "destination.user.id"), ("dproc", "destination.process.name"),
        ("in", "source.bytes"), ("out", "destination.bytes"), ("proto", "network.transport"),
        ("app", "network.protocol"), ("deviceDirection", "network.direction"),
        ("act", "event.action"), ("outcome", "event.outcome"), ("reason", "event.reason"),
        ("cat", "cef.category"), ("externalId", "cef.external_id"), ("dvc", "observer.ip"),
        ("dvchost", "observer.hostname"), ("request", "url.original"),
        ("requestMethod", "http.request.method"),
        ("requestClientApplication", "user_agent.original"), ("fname", "file.name"),
        ("filePath", "file.path"), ("fileHash", "file.hash.sha256"), ("fsize", "file.size"),
        ("eventId", "event.id"), ("suser", "user.name"), ("suid", "user.id"),
        ("sproc", "process.executable"), ("sproc", "process.name"), ("spid", "process.pid"),
        ("cat", "event.category"), ("shost", "host.name"),
    ]

    private static let times: [(key: String, path: FieldPath)] = [
        ("start", "event.start"), ("end", "event.end"),
    ]

    /// Flat Windows and Sysmon names that have a place in CEF beside what `WindowsFields` gives.
    private static let windows: [(key: String, path: FieldPath)] = [
        ("dvchost", "Hostname"), ("cat", "Channel"), ("sproc", "Image"),
        ("sproc", "NewProcessName"), ("spid", "ProcessId"), ("dproc", "TargetImage"),
        ("filePath", "TargetFilename"), ("filePath", "TargetObject"), ("filePath", "ObjectName"),
        ("fileHash", "Hashes"), ("dhost", "QueryName"), ("duser", "TargetUserName"),
        ("suser", "SubjectUserName"), ("src", "IpAddress"), ("spt", "IpPort"),
        ("outcome", "EventType"),
    ]

    private static func milliseconds(_ event: Event, _ body: EventBody, _ isWindows: Bool) -> Int64
    {
        if isWindows, body.object.field("@timestamp") == nil,
            let time = WindowsFields.time({ body.object.field($0)?.text })
        {
            return time
        }
        return max(body.milliseconds(of: event), 0)
    }

    /// CEF counts from 0 to 10; ECS leaves the scale of event.severity to the source, so what is
    /// outside is cut. Words as syslog and Windows write them.
    private static func severity(_ number: String?, _ level: String?) -> Int {
        if let value = number.flatMap({ Double($0) }), value.isFinite {
            return Int(min(max(value, 0), 10))
        }
        return switch level?.lowercased() {
        case "emergency", "emerg", "panic", "fatal": 10
        case "alert": 9
        case "critical", "crit", "very-high": 8
        case "error", "err", "failure", "high": 7
        case "warning", "warn", "medium", "audit_failure": 5
        case "notice": 4
        case "debug", "trace", "verbose": 1
        default: 3
        }
    }

    private static func firstLine(_ text: String) -> String {
        String(text.prefix { !$0.isNewline }.prefix(128))
    }
}
