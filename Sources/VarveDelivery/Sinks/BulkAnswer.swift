package import VarvePlatform

/// The answer to a bulk request.
package enum BulkAnswer {
    /// One verdict for each of the request's `count` events, by position; nil when `body` is no
    /// bulk answer, or one about another number of events: then nothing is known about any.
    package static func verdicts(in body: ByteSlice, count: Int) -> [Verdict]? {
        let root: JSONValue
        do throws(JSONError) {
            root = try JSONDocument(body).root
        } catch {
            return nil
        }
        guard let items = root.field("items"), items.kind == .array else { return nil }
        var verdicts: [Verdict] = []
        verdicts.reserveCapacity(count)
        // Nearly all items are the same byte for byte, and so mean the same.
        var last: (item: ByteSlice, verdict: Verdict)?
        items.forEachElement { item in
            let raw = item.raw
            if let last, last.item == raw {
                verdicts.append(last.verdict)
                return true
            }
            guard let verdict = verdict(of: item) else { return false }
            verdicts.append(verdict)
            last = (raw, verdict)
            return true
        }
        return verdicts.count == count ? verdicts : nil
    }

    private static func verdict(of item: JSONValue) -> Verdict? {
        // The one member is called after the action: create, or index behind some proxies.
        var result: Verdict?
        item.forEachMember { _, details in
            guard let status = details.field("status")?.integer else { return false }
            result = verdict(
                status: Int(clamping: status), reason: reason(details.field("error")))
            return false
        }
        return result
    }

    package static func verdict(status: Int, reason text: String) -> Verdict {
        let reason = Reason("item status \(status): \(text)", httpStatus: status)
        switch status {
        case 200..<300: return .delivered
        // `create` found the identity there already: an earlier try or life stored it (D4).
        case 409: return .delivered
        case 408, 429, 500...: return .retry(reason)
        // The user may not write there, or the index is blocked: nothing about the event.
        case 401, 403: return .pause(reason)
        default: return .deadLetter(reason)
        }
    }

    /// `type: reason` and the causes below it, the innermost says most.
    private static func reason(_ error: JSONValue?) -> String {
        guard let error else { return "no reason given" }
        if let text = error.text { return text }
        var parts: [String] = []
        var cause: JSONValue? = error
        for _ in 0..<4 {
            guard let current = cause, current.kind == .object else { break }
            let text = [current.field("type")?.text, current.field("reason")?.text]
                .compactMap { $0 }.joined(separator: ": ")
            if !text.isEmpty { parts.append(text) }
            cause = current.field("caused_by")
        }
        return parts.isEmpty ? error.raw.string : parts.joined(separator: "; caused by ")
    }
}
