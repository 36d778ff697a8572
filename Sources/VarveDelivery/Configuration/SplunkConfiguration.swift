/// The `sink` of type `splunk`: Splunk's HTTP Event Collector, without acknowledgement channel.
package struct SplunkConfiguration: Decodable, Sendable {
    /// The collectors, as `https://splunk:8088`; used in turn, a failing one is passed over.
    package var urls: [String]
    package var token: Secret
    /// Metadata of every event; each takes the fields of the event as an index template does:
    /// `%{topic}`, `%{[host][name]}`. What is not set is Splunk's own default for the token.
    package var host: String?
    package var source: String?
    package var sourcetype: String?
    package var index: String?
    /// Indexed fields added to every event, templates as above.
    package var fields: [String: String]
    package var gzip: Bool
    package var timeoutMilliseconds: Int

    package init(urls: [String], token: String) {
        self.urls = urls
        self.token = Secret(token)
        host = "%{[host][name]}"
        source = "varve:%{topic}"
        sourcetype = nil
        index = nil
        fields = [:]
        gzip = GzipBody.isBuiltIn
        timeoutMilliseconds = 60_000
    }

    private enum Key: String, CodingKey, CaseIterable {
        case type, url, urls, token, host, source, sourcetype, index, fields, gzip
        case timeoutMilliseconds
    }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        self.init(urls: try keys.urls(.url, .urls), token: "")
        token = try keys.decode(Secret.self, forKey: .token)
        host = try keys.decodeIfPresent(String.self, forKey: .host) ?? host
        source = try keys.decodeIfPresent(String.self, forKey: .source) ?? source
        sourcetype = try keys.decodeIfPresent(String.self, forKey: .sourcetype)
        index = try keys.decodeIfPresent(String.self, forKey: .index)
        fields = try keys.decodeIfPresent([String: String].self, forKey: .fields) ?? [:]
        for (key, template) in [
            (Key.host, host), (.source, source), (.sourcetype, sourcetype),
            (.index, index),
        ] {
            if let template, let problem = EventTemplate.problem(in: template) {
                throw keys.failure(key, problem)
            }
        }
        for (name, template) in fields {
            if let problem = EventTemplate.problem(in: template) {
                throw keys.failure(.fields, "\(name): \(problem)")
            }
        }
        gzip = try keys.gzip(.gzip)
        timeoutMilliseconds = try keys.number(
            .timeoutMilliseconds, default: timeoutMilliseconds, in: 100...600_000)
    }
}
