internal import VarvePlatform

/// What a HEC answer means for the events of its request.
///
/// | code | HTTP | text | here |
/// |---|---|---|---|
/// | 0 | 200 | Success | delivered |
/// | 1, 2, 3, 4 | 401, 403 | token disabled, required, invalid | pause |
/// | 5, 6, 12, 13, 15 | 400 | no data, format, event field | that event is a dead letter |
/// | 7 | 400 | Incorrect index | pause |
/// | 8 | 500 | Internal error | retry |
/// | 9 | 503 | Server is busy | retry |
/// | 10, 11, 14, 16, 21, 22 | 400 | channel, query string, token | pause |
///
/// Source: Splunk's "Troubleshoot HTTP Event Collector". A batch with one bad event is refused
/// whole; `invalid-event-number` counts from 0.
enum SplunkAnswer {
    case delivered
    case all(Verdict)
    /// The event at this position will never be taken; the others were not all stored.
    case without(position: Int, Reason)
    /// Some event of several is at fault, or the request is too large.
    case split(Reason)

    init(_ answer: HTTPAnswer, host: String) {
        let status = answer.status
        var root: JSONValue?
        do throws(JSONError) {
            root = try JSONDocument(answer.body).root
        } catch {
            // Proxies answer in HTML; then the status alone decides.
        }
        let code = root?.field("code")?.integer
        let reason = Reason("\(host): HTTP \(status): \(answer.excerpt)", httpStatus: status)
        switch (status, code) {
        case (200, 0): self = .delivered
        case (200..<300, _):
            self = .all(
                .retry(Reason("\(host): no HEC answer: \(answer.excerpt)", httpStatus: status)))
        case (413, _): self = .split(reason)
        case (408, _), (429, _), (500..., _): self = .all(.retry(reason))
        case (400, 7?), (400, 10?), (400, 11?), (400, 14?), (400, 16?), (400, 21?), (400, 22?):
            self = .all(.pause(reason))
        case (400, _):
            if let number = root?.field("invalid-event-number")?.integer {
                self = .without(position: Int(clamping: number), reason)
            } else {
                self = .split(reason)
            }
        default: self = .all(.pause(reason))
        }
    }
}
