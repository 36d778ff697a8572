/// The `sink` of type `elasticsearch`: any cluster that speaks `_bulk`.
package struct ElasticsearchConfiguration: Decodable, Sendable {
    /// The nodes, as `https://search1:9200`; used in turn, a failing one is passed over.
    package var urls: [String]
    /// The index or data stream, with `%{topic}`, `%{[field][name]}` and `%{+YYYY.MM.dd}` filled
    /// in from the event. Default `logs-%{topic}-default`, a data stream. An event without a field
    /// that the name asks for goes to `logs-unrouted-default`.
    package var index: String
    /// The ingest pipeline; none by default.
    package var pipeline: String?
    package var credentials: HTTPCredentials
    /// Compress requests. On by default where the Gzip trait is built in.
    package var gzip: Bool
    /// The longest a request may take. Default 60000.
    package var timeoutMilliseconds: Int

    package init(urls: [String]) {
        self.urls = urls
        index = "logs-%{topic}-default"
        pipeline = nil
        credentials = .none
        gzip = GzipBody.isBuiltIn
        timeoutMilliseconds = 60_000
    }

    private enum Key: String, CodingKey, CaseIterable {
        case type, url, urls, index, pipeline, username, password, apiKey, bearerToken, gzip
        case timeoutMilliseconds
    }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        self.init(urls: try keys.urls(.url, .urls))
        index = try keys.text(.index, default: index)
        if let problem = EventTemplate.problem(in: index) { throw keys.failure(.index, problem) }
        pipeline = try keys.decodeIfPresent(String.self, forKey: .pipeline)
        credentials = try keys.credentials(
            username: .username, password: .password, apiKey: .apiKey, bearerToken: .bearerToken)
        gzip = try keys.gzip(.gzip)
        timeoutMilliseconds = try keys.number(
            .timeoutMilliseconds, default: timeoutMilliseconds, in: 100...600_000)
    }
}
