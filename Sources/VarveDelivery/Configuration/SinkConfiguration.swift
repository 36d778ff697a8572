/// Where a worker delivers to: the `sink` object of varve.json, told apart by its `type`.
package enum SinkConfiguration: Decodable, Sendable {
    case elasticsearch(ElasticsearchConfiguration)
    case sqlite(SQLiteConfiguration)
    case syslog(SyslogConfiguration)
    case splunk(SplunkConfiguration)
    case archive(ArchiveConfiguration)

    /// The names that `type` may have.
    package static let types = ["elasticsearch", "sqlite", "syslog", "splunk", "archive"]

    /// This one's `type`.
    package var type: String {
        switch self {
        case .elasticsearch: "elasticsearch"
        case .sqlite: "sqlite"
        case .syslog: "syslog"
        case .splunk: "splunk"
        case .archive: "archive"
        }
    }

    private enum Key: String, CodingKey { case type }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: Key.self)
        let type = try keys.decode(String.self, forKey: .type)
        switch type {
        case "elasticsearch", "opensearch":
            self = .elasticsearch(try ElasticsearchConfiguration(from: decoder))
        case "sqlite": self = .sqlite(try SQLiteConfiguration(from: decoder))
        case "syslog": self = .syslog(try SyslogConfiguration(from: decoder))
        case "splunk": self = .splunk(try SplunkConfiguration(from: decoder))
        case "archive": self = .archive(try ArchiveConfiguration(from: decoder))
        default:
            throw keys.failure(
                .type, "unknown type '\(type)'; it is one of \(Self.types.joined(separator: ", "))")
        }
    }

    /// Batch limits that suit the sink where the configuration names none.
    package var batchDefaults: BatchLimits {
        switch self {
        // Vector and Splunk's own connector send about 1 MB at a time; HEC refuses large bodies.
        case .splunk: BatchLimits(events: 1000, bytes: 1 << 20)
        // One batch becomes a file per partition and day, so they are larger and wait longer.
        case .archive: BatchLimits(events: 50_000, bytes: 16 << 20, ageMilliseconds: 10_000)
        // One batch is one transaction; behind a lag large ones cost half of small ones.
        case .sqlite: BatchLimits(events: 10_000, bytes: 16 << 20)
        case .elasticsearch, .syslog: BatchLimits()
        }
    }
}
