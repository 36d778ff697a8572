internal import VarvePlatform

/// Delivers to Splunk's HTTP Event Collector, without its acknowledgement channel.
///
/// `delivered` means that the collector answered code 0. By Splunk's own word events can still be
/// lost before they are indexed; only the acknowledgement channel would tell. Each event carries
/// its identity as the indexed field `varve_id`, so that a redelivery can be told (D4).
package final class SplunkSink: Sink {
    private let configuration: SplunkConfiguration
    private let format: SplunkEvent
    private let hosts: HostRing
    private let client: HTTPClient

    /// HEC's event endpoint.
    static let path = "/services/collector/event"

    package init(_ configuration: SplunkConfiguration) throws(SinkError) {
        self.configuration = configuration
        do throws(TemplateProblem) {
            format = try SplunkEvent(configuration)
        } catch {
            throw .configuration(ConfigurationError(path: "sink", problem: error.text))
        }
        hosts = HostRing(configuration.urls)
        var headers = [
            "Content-Type": "application/json",
            "Authorization": "Splunk \(configuration.token.value)",
        ]
        if configuration.gzip { headers["Content-Encoding"] = "gzip" }
        client = HTTPClient(
            timeoutMilliseconds: configuration.timeoutMilliseconds, headers: headers)
    }

    package func deliver(_ batch: [Event]) async -> [Verdict] {
        let texts = batch.map(format.make)
        var verdicts = [Verdict](repeating: .retry("not sent"), count: batch.count)
        // Groups of events still to be sent, in order; each is a list because single events drop
        // out of the middle.
        var groups = [Array(batch.indices)]
        while let group = groups.popLast() {
            guard !group.isEmpty else { continue }
            switch await send(group.map { texts[$0] }) {
            case .delivered:
                for index in group { verdicts[index] = .delivered }
            case .all(let verdict):
                for index in group { verdicts[index] = verdict }
                if verdict.isWaiting {
                    for index in groups.joined() { verdicts[index] = verdict }
                    return verdicts
                }
            case .without(let position, let reason) where group.indices.contains(position):
                verdicts[group[position]] = .deadLetter(reason)
                var rest = group
                rest.remove(at: position)
                groups.append(rest)
            case .without(_, let reason), .split(let reason):
                if group.count == 1 {
                    verdicts[group[0]] = .deadLetter(reason)
                } else {
                    groups.append(Array(group[(group.count / 2)...]))
                    groups.append(Array(group[..<(group.count / 2)]))
                }
            }
        }
        return verdicts
    }

    package func close() async { client.close() }

    private func send(_ texts: [ByteSlice]) async -> SplunkAnswer {
        var writer = ByteWriter(capacity: texts.reduce(0) { $0 + $1.count + 1 })
        for text in texts {
            writer.bytes(text)
            writer.utf8("\n")
        }
        var body = writer.finish()
        if configuration.gzip {
            do {
                body = try GzipBody.compress(body)
            } catch {
                return .all(.retry("gzip: \(error)"))
            }
        }
        let host = hosts.next()
        do throws(HTTPFailure) {
            let answer = try await client.post(host + Self.path, body)
            if answer.status >= 500 { hosts.failed(host) } else { hosts.succeeded(host) }
            return SplunkAnswer(answer, host: host)
        } catch {
            hosts.failed(host)
            return .all(.retry("\(host): \(error)"))
        }
    }
}
