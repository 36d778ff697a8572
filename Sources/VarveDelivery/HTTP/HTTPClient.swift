package import VarvePlatform

/// A server's answer, whatever its status.
package struct HTTPAnswer: Sendable {
    package let status: Int
    package let body: ByteSlice

    /// The body as the start of an error text.
    package var excerpt: String {
        let text = body[0..<min(body.count, 500)].string
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

/// Why there is no answer. The server may have done what it was asked.
package struct HTTPFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package let text: String
    package var description: String { text }
}

/// Sends requests over HTTP/1.1 and waits for their answers, each within a time and a size.
///
/// Connections are kept and used again, as many as requests are under way at once. Redirects are
/// not followed: an event must not go where nobody configured it. Certificates are checked against
/// the system's authorities.
package final class HTTPClient: Sendable {
    /// A connection and the thread that its calls block.
    private final class Worker: Sendable {
        let origin: HTTPTarget.Origin
        private let work = BlockingWork("http")
        private let connection: Confined<HTTPConnection>

        init(_ origin: HTTPTarget.Origin, tls: TLSContext?) {
            self.origin = origin
            connection = Confined(HTTPConnection(origin, tls: tls))
        }

        /// The answer, and whether the connection is good for another request.
        func run(
            _ exchange: HTTPExchange
        ) async -> (result: Result<HTTPAnswer, HTTPFailure>, isOpen: Bool) {
            await work.run { [connection] in
                let result: Result<HTTPAnswer, HTTPFailure>
                do throws(HTTPFailure) {
                    result = .success(try connection.value.run(exchange))
                } catch { result = .failure(error) }
                return (result, connection.value.isOpen)
            }
        }
    }

    private struct State {
        var idle: [Worker] = []
        /// Made with the first connection that needs it.
        var identity: TLSIdentity?
        var isClosed = false
    }

    private let timeoutMilliseconds: Int
    /// The header lines that go with every request.
    private let headers: ByteSlice
    private let state = Lock(State())

    /// - Parameter headers: go with every request; their values hold no line ends.
    package init(timeoutMilliseconds: Int, headers: [String: String]) {
        self.timeoutMilliseconds = timeoutMilliseconds
        var lines = ""
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            precondition(!value.utf8.contains { $0 < 0x20 }, "a line end in the header \(name)")
            lines += "\(name): \(value)\r\n"
        }
        self.headers = ByteSlice(lines)
    }

    /// Posts `body` to `url` and returns the answer.
    /// - Throws: when no whole answer came in time, or it was longer than `answerBytesMax`.
    package func post(
        _ url: String, _ body: ByteSlice, answerBytesMax: Int = 64 << 20
    ) async throws(HTTPFailure) -> HTTPAnswer {
        guard let target = HTTPTarget(url) else { throw HTTPFailure(text: "'\(url)' is no URL") }
        let exchange = HTTPExchange(
            head: head(target, bodyBytes: body.count), body: body, answerBytesMax: answerBytesMax,
            deadline: SystemClock().monotonicMilliseconds() + Int64(timeoutMilliseconds))
        let worker = try worker(for: target.origin)
        let (result, isOpen) = await withTaskCancellationHandler {
            await worker.run(exchange)
        } onCancel: {
            exchange.cancel()
        }
        if isOpen { state.withLock { if !$0.isClosed { $0.idle.append(worker) } } }
        return try result.get()
    }

    /// Lets requests under way finish and takes no more.
    package func close() {
        state.withLock { state in
            state.isClosed = true
            state.idle = []
        }
    }

    private func head(_ target: HTTPTarget, bodyBytes: Int) -> ByteSlice {
        var out = ByteWriter(capacity: 512)
        out.utf8("POST \(target.path) HTTP/1.1\r\nHost: \(target.host)\r\n")
        out.utf8("User-Agent: varve\r\nContent-Length: \(bodyBytes)\r\n")
        out.bytes(headers)
        out.utf8("\r\n")
        return out.finish()
    }

    /// The connection that was used last, or a new one.
    private func worker(for origin: HTTPTarget.Origin) throws(HTTPFailure) -> Worker {
        let idle = try state.withLock { (state) throws(HTTPFailure) -> Worker? in
            guard !state.isClosed else { throw HTTPFailure(text: "the client is closed") }
            guard let index = state.idle.lastIndex(where: { $0.origin == origin }) else {
                return nil
            }
            return state.idle.remove(at: index)
        }
        if let idle { return idle }
        do throws(TLSError) {
            return Worker(origin, tls: origin.isSecure ? try identity().renewed() : nil)
        } catch { throw HTTPFailure(text: "\(error)") }
    }

    private func identity() throws(TLSError) -> TLSIdentity {
        try state.withLock { (state) throws(TLSError) in
            if let identity = state.identity { return identity }
            let made = try TLSIdentity(TLSSettings(), isServer: false)
            state.identity = made
            return made
        }
    }
}
