/// The head of an HTTP/1 request, as much of it as this server answers to (RFC 9112).
package struct HTTPRequest: Equatable {
    package let method: String
    /// Without query.
    package let path: String
    /// What follows the question mark; empty without one.
    package var query = ""

    /// The longest head taken, in bytes.
    package static let headBytesMax = 8 << 10

    package enum Parsed: Equatable {
        /// The head has not ended yet.
        case incomplete
        /// No HTTP request, or too long a one.
        case malformed
        case request(HTTPRequest)
    }

    /// Reads the head at the start of `bytes`.
    package static func parse(_ bytes: [UInt8]) -> Parsed {
        guard let end = headEnd(bytes) else {
            return bytes.count >= headBytesMax ? .malformed : .incomplete
        }
        let line = bytes[..<end].prefix { $0 != 0x0D && $0 != 0x0A }
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2].starts(with: Array("HTTP/1.".utf8)),
            !parts[0].isEmpty, parts[0].allSatisfy({ (0x41...0x5A).contains($0) }),
            parts[1].first == UInt8(ascii: "/"),
            parts[1].allSatisfy({ (0x21...0x7E).contains($0) })
        else { return .malformed }
        let path = parts[1].prefix { $0 != UInt8(ascii: "?") }
        return .request(
            HTTPRequest(
                method: String(decoding: parts[0], as: UTF8.self),
                path: String(decoding: path, as: UTF8.self),
                query: String(decoding: parts[1].dropFirst(path.count + 1), as: UTF8.self)))
    }

    /// The value of one name in the query. Names and values as they stand: what this server asks
    /// for (topic names, numbers) needs no escapes.
    package func parameter(_ name: String) -> String? {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts[0] == name { return parts.count > 1 ? String(parts[1]) : "" }
        }
        return nil
    }

    /// Where the empty line after the head begins; CR LF or bare LF, as RFC 9112 2.2 allows.
    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        var index = 0
        while let feed = bytes[index...].firstIndex(of: 0x0A) {
            let rest = bytes[(feed + 1)...]
            if rest.first == 0x0A || rest.starts(with: [0x0D, 0x0A]) { return feed }
            index = feed + 1
        }
        return nil
    }
}

/// What is answered to an HTTP request.
struct HTTPResponse {
    let status: Int
    let contentType: String
    let body: String

    static func json(_ body: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, contentType: "application/json", body: body + "\n")
    }

    static func text(_ body: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, contentType: "text/plain; charset=utf-8", body: body + "\n")
    }

    /// The response as bytes; without its body for HEAD. The connection closes after it.
    func bytes(withBody: Bool) -> String {
        let reasons = [
            200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
            503: "Service Unavailable",
        ]
        var text = "HTTP/1.1 \(status) \(reasons[status] ?? "Error")\r\n"
        text += "Content-Type: \(contentType)\r\nContent-Length: \(body.utf8.count)\r\n"
        text += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        if status == 405 { text += "Allow: GET, HEAD\r\n" }
        text += "Connection: close\r\n\r\n"
        return withBody ? text + body : text
    }
}
