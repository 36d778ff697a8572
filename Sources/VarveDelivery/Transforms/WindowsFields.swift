internal import VarvePlatform

/// The names of flat Windows event JSON (NXLog's im_msvistalog, the OTRF data sets) and the ECS
/// fields that they are. Source: Elastic's winlogbeat ingest pipelines (security, sysmon) and the
/// ECS field reference.
enum WindowsFields {
    /// Whether an event is in this form.
    static func isWindows(_ text: (FieldPath) -> String?) -> Bool {
        text("EventID") != nil && text("Channel") != nil
    }

    /// When it happened: Sysmon's `UtcTime`, else the shipper's `EventTime`, both UTC
    /// `2020-09-21 05:40:13.123`.
    static func time(_ text: (FieldPath) -> String?) -> Int64? {
        for path in ["UtcTime", "EventTime"] as [FieldPath] {
            if let time = text(path).flatMap({ Timestamp.milliseconds($0) }) { return time }
        }
        return nil
    }

    private static let common: [(name: FieldPath, ecs: FieldPath)] = [
        ("EventID", "event.code"), ("SourceName", "event.provider"), ("Hostname", "host.name"),
        ("Message", "message"), ("Channel", "winlog.channel"),
        ("RecordNumber", "winlog.record_id"), ("Severity", "log.level"),
        ("ProcessGuid", "process.entity_id"), ("Image", "process.executable"),
        ("NewProcessName", "process.executable"), ("CommandLine", "process.command_line"),
        ("ParentImage", "process.parent.executable"),
        ("ParentProcessName", "process.parent.executable"),
        ("ParentCommandLine", "process.parent.command_line"),
        ("TargetFilename", "file.path"), ("TargetObject", "registry.path"),
        ("QueryName", "dns.question.name"), ("User", "user.name"),
    ]

    /// Sysmon 3 and the firewall's 5156 write the two ends of a connection.
    private static let network: [(name: FieldPath, ecs: FieldPath)] = [
        ("SourceIp", "source.ip"), ("SourcePort", "source.port"),
        ("SourceHostname", "source.domain"), ("DestinationIp", "destination.ip"),
        ("DestinationPort", "destination.port"), ("DestinationHostname", "destination.domain"),
        ("Protocol", "network.transport"),
        ("SourceAddress", "source.ip"), ("DestAddress", "destination.ip"),
        ("DestPort", "destination.port"), ("Application", "process.executable"),
    ]

    /// Security's logon events: who logged on, and from where.
    private static let logon: [(name: FieldPath, ecs: FieldPath)] = [
        ("TargetUserName", "user.name"), ("TargetDomainName", "user.domain"),
        ("TargetUserSid", "user.id"), ("IpAddress", "source.ip"), ("IpPort", "source.port"),
        ("WorkstationName", "source.domain"),
    ]

    /// Security's other events: who did it.
    private static let subject: [(name: FieldPath, ecs: FieldPath)] = [
        ("SubjectUserName", "user.name"), ("SubjectDomainName", "user.domain"),
        ("SubjectUserSid", "user.id"),
    ]

    static func ecs(eventID: String?) -> [(name: FieldPath, ecs: FieldPath)] {
        switch eventID {
        case "3", "5156", "5157", "5158": common + network
        case "4624", "4625", "4634", "4647", "4648", "4768", "4769", "4776": common + logon
        default: common + subject
        }
    }
}
