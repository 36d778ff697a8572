internal import VarvePlatform

/// Delivers to Elasticsearch or OpenSearch through `_bulk`.
///
/// Each event is a `create` whose `_id` is the event's identity, so that a redelivery finds the
/// document there and is answered 409, which is success (D4). HTTP 200 says nothing about the
/// events: each item of the answer is read, by position.
package final class ElasticsearchSink: Sink {
    private let configuration: ElasticsearchConfiguration
    private let index: EventTemplate
    private let hosts: HostRing
    private let client: HTTPClient
    private let path: String

    package init(_ configuration: ElasticsearchConfiguration) throws(SinkError) {
        self.configuration = configuration
        do throws(TemplateProblem) {
            index = try EventTemplate(configuration.index)
        } catch {
            throw .configuration(ConfigurationError(path: "sink.index", problem: error.text))
        }
        hosts = HostRing(configuration.urls)
        var headers = ["Content-Type": "application/x-ndjson", "Accept": "application/json"]
        headers["Authorization"] = configuration.credentials.header
        if configuration.gzip { headers["Content-Encoding"] = "gzip" }
        client = HTTPClient(
            timeoutMilliseconds: configuration.timeoutMilliseconds, headers: headers)
        // Of each item only what decides its verdict; success items are half of the bytes else.
        var path = "/_bulk?filter_path=errors,items.*.status,items.*.error"
        if let pipeline = configuration.pipeline {
            path += "&pipeline=" + URLText.escaped(pipeline)
        }
        self.path = path
    }

    package func deliver(_ batch: [Event]) async -> [Verdict] {
        let (text, ends) = BulkLines(batch, index).finish()
        var verdicts = [Verdict](repeating: .retry("not sent"), count: batch.count)
        // Ranges still to be sent; one that the server calls too large comes back in halves.
        var ranges = [0..<batch.count]
        while let range = ranges.popLast() {
            guard !range.isEmpty else { continue }
            let start = range.lowerBound == 0 ? 0 : ends[range.lowerBound - 1]
            let lines = text[start..<ends[range.upperBound - 1]]
            switch await send(lines, count: range.count) {
            case .items(let items):
                for (index, item) in zip(range, items) { verdicts[index] = item }
            case .all(let verdict):
                for index in range { verdicts[index] = verdict }
                // What stopped this request stops the others too: they wait for the next try.
                if verdict.isWaiting {
                    for rest in ranges { for index in rest { verdicts[index] = verdict } }
                    return verdicts
                }
            case .split(let reason):
                if range.count == 1 {
                    verdicts[range.lowerBound] = .deadLetter(reason)
                } else {
                    let middle = range.lowerBound + range.count / 2
                    ranges.append(middle..<range.upperBound)
                    ranges.append(range.lowerBound..<middle)
                }
            }
        }
        return verdicts
    }

    package func close() async { client.close() }

    private enum Outcome {
        /// One verdict for each event of the request.
        case items([Verdict])
        /// One verdict for all of them.
        case all(Verdict)
        /// The server refuses the request for its size or for something in it: try smaller ones.
        case split(Reason)
    }

    private func send(_ lines: ByteSlice, count: Int) async -> Outcome {
        var body = lines
        if configuration.gzip {
            do {
                body = try GzipBody.compress(body)
            } catch {
                return .all(.retry("gzip: \(error)"))
            }
        }
        let host = hosts.next()
        let answer: HTTPAnswer
        do throws(HTTPFailure) {
            answer = try await client.post(host + path, body)
        } catch {
            hosts.failed(host)
            return .all(.retry("\(host): \(error)"))
        }
        if answer.status == 502 || answer.status == 503 || answer.status == 504 {
            hosts.failed(host)
        } else {
            hosts.succeeded(host)
        }
        return Self.outcome(answer, host: host, count: count)
    }

    private static func outcome(_ answer: HTTPAnswer, host: String, count: Int) -> Outcome {
        let reason = Reason(
            "\(host): HTTP \(answer.status): \(answer.excerpt)", httpStatus: answer.status)
        switch answer.status {
        case 200..<300:
            guard let items = BulkAnswer.verdicts(in: answer.body, count: count) else {
                return .all(
                    .retry(
                        Reason(
                            "\(host): the answer is not one to \(count) bulk items: "
                                + answer.excerpt, httpStatus: answer.status)))
            }
            return .items(items)
        case 413, 400: return .split(reason)
        case 408, 429, 500...: return .all(.retry(reason))
        // Credentials, a wrong path, a proxy in between: no event will fare better.
        default: return .all(.pause(reason))
        }
    }
}

extension Verdict {
    /// The event has no verdict that ends its way.
    package var isWaiting: Bool {
        switch self {
        case .delivered, .deadLetter: false
        case .retry, .pause: true
        }
    }
}
