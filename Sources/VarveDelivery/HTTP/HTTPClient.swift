internal import Foundation
internal import FoundationNetworking
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

/// Sends requests and waits for their answers, each within a time and a size.
///
/// Redirects are not followed: an event must not go where nobody configured it. Certificates are
/// checked against the system's authorities.
package final class HTTPClient: Sendable {
    private let session: URLSession
    private let exchanges: HTTPExchanges
    private let timeoutMilliseconds: Int
    private let headers: [String: String]

    /// - Parameter headers: go with every request.
    package init(timeoutMilliseconds: Int, headers: [String: String]) {
        let settings = URLSessionConfiguration.ephemeral
        settings.timeoutIntervalForRequest = Double(timeoutMilliseconds) / 1000
        settings.httpShouldSetCookies = false
        settings.httpCookieAcceptPolicy = .never
        settings.urlCache = nil
        settings.httpMaximumConnectionsPerHost = 16
        exchanges = HTTPExchanges()
        session = URLSession(configuration: settings, delegate: exchanges, delegateQueue: nil)
        self.timeoutMilliseconds = timeoutMilliseconds
        self.headers = headers
    }

    /// Posts `body` to `url` and returns the answer.
    /// - Throws: when no whole answer came in time, or it was longer than `answerBytesMax`.
    package func post(
        _ url: String, _ body: ByteSlice, headers: [String: String],
        answerBytesMax: Int = 64 << 20
    ) async throws(HTTPFailure) -> HTTPAnswer {
        guard let target = URL(string: url) else { throw HTTPFailure(text: "'\(url)' is no URL") }
        var request = URLRequest(url: target)
        request.httpMethod = "POST"
        request.httpBody = body.withUnsafeBytes { Data($0) }
        for (name, value) in self.headers { request.setValue(value, forHTTPHeaderField: name) }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let task = session.dataTask(with: request)
        // URLSession's own timeout starts anew with each byte; this one is for the whole exchange.
        let deadline = DispatchWorkItem { task.cancel() }
        DispatchQueue.global().asyncAfter(
            deadline: .now() + .milliseconds(timeoutMilliseconds), execute: deadline)
        defer { deadline.cancel() }
        let result: Result<HTTPAnswer, HTTPFailure> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                exchanges.begin(task.taskIdentifier, answerBytesMax) {
                    continuation.resume(returning: $0)
                }
                task.resume()
            }
        } onCancel: {
            task.cancel()
        }
        return try result.get()
    }

    /// Lets requests under way finish and takes no more.
    package func close() { session.finishTasksAndInvalidate() }
}

/// The answers that are coming in, by the number of their task.
private final class HTTPExchanges: NSObject, URLSessionDataDelegate, Sendable {
    private struct Exchange {
        var status = 0
        var body = Data()
        let bytesMax: Int
        var isTooLarge = false
        let completion: @Sendable (Result<HTTPAnswer, HTTPFailure>) -> Void
    }

    private let exchanges = Lock<[Int: Exchange]>([:])
    /// Tasks that were cancelled so early that they ended before `begin`.
    private let ended = Lock<Set<Int>>([])

    func begin(
        _ task: Int, _ bytesMax: Int,
        _ completion: @escaping @Sendable (Result<HTTPAnswer, HTTPFailure>) -> Void
    ) {
        exchanges.withLock { $0[task] = Exchange(bytesMax: bytesMax, completion: completion) }
        guard ended.withLock({ $0.remove(task) }) != nil,
            exchanges.withLock({ $0.removeValue(forKey: task) }) != nil
        else { return }
        completion(.failure(HTTPFailure(text: "cancelled")))
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        exchanges.withLock { $0[dataTask.taskIdentifier]?.status = status }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let fits = exchanges.withLock { exchanges in
            guard var exchange = exchanges.removeValue(forKey: dataTask.taskIdentifier) else {
                return true
            }
            exchange.isTooLarge = exchange.body.count + data.count > exchange.bytesMax
            if !exchange.isTooLarge { exchange.body.append(data) }
            exchanges[dataTask.taskIdentifier] = exchange
            return !exchange.isTooLarge
        }
        if !fits { dataTask.cancel() }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        exchanges.withLock { $0[task.taskIdentifier]?.status = response.statusCode }
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
    ) {
        guard
            let exchange = exchanges.withLock({
                $0.removeValue(forKey: task.taskIdentifier)
            })
        else {
            _ = ended.withLock { $0.insert(task.taskIdentifier) }
            return
        }
        let result: Result<HTTPAnswer, HTTPFailure>
        if exchange.isTooLarge {
            result = .failure(
                HTTPFailure(text: "an answer of more than \(exchange.bytesMax) bytes"))
        } else if let error {
            let detail = error as NSError
            let text =
                detail.code == NSURLErrorCancelled
                ? "no answer in time" : detail.localizedDescription
            result = .failure(HTTPFailure(text: text))
        } else if exchange.status == 0 {
            result = .failure(HTTPFailure(text: "an answer that is not HTTP"))
        } else {
            result = .success(
                HTTPAnswer(
                    status: exchange.status,
                    body: exchange.body.withUnsafeBytes { ByteSlice(copying: $0) }))
        }
        exchange.completion(result)
    }
}
