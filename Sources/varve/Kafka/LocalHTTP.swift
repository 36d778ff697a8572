internal import VarvePlatform

/// A plain HTTP/1.1 request to the broker's own port, for readiness and status.
enum LocalHTTP {
    struct Response: Sendable {
        /// 200 and so on.
        let status: Int
        let body: ByteSlice
    }

    /// A larger answer is an error (I8).
    private static let bytesMax = 64 << 20

    /// Sends one request and reads the answer to the connection's end. Blocks, at most about
    /// `timeoutMilliseconds` between two pieces of the answer.
    static func request(
        _ method: String, _ endpoint: Endpoint, _ path: String, timeoutMilliseconds: Int32 = 5000
    ) throws(SystemError) -> Response {
        let socket = try Socket.connect(endpoint, timeoutMilliseconds: timeoutMilliseconds)
        let request = ByteSlice(
            "\(method) \(path) HTTP/1.1\r\nHost: \(endpoint)\r\nConnection: close\r\n"
                + "Content-Length: 0\r\n\r\n")
        var sent = 0
        while sent < request.count {
            guard try socket.waitWritable(timeoutMilliseconds: timeoutMilliseconds) else {
                throw SystemError.timedOut("send", "\(endpoint)")
            }
            sent += try socket.write([request], from: sent)
        }
        var answer = ByteWriter()
        while answer.count <= bytesMax {
            guard try socket.waitReadable(timeoutMilliseconds: timeoutMilliseconds) else {
                throw SystemError.timedOut("recv", "\(endpoint)")
            }
            var isAtEnd = false
            let piece = try ByteSlice(filling: 64 << 10) { (buffer) throws(SystemError) in
                guard let count = try socket.read(into: buffer) else { return 0 }
                isAtEnd = count == 0
                return count
            }
            if isAtEnd { break }
            answer.bytes(piece)
        }
        return try parse(answer.finish(), endpoint)
    }

    private static func parse(
        _ answer: ByteSlice, _ endpoint: Endpoint
    ) throws(SystemError) -> Response {
        let head = answer.firstIndex(of: "\r\n\r\n") ?? 0
        let words = answer[..<head].string.split(separator: " ", maxSplits: 2)
        guard head > 0, words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1])
        else { throw SystemError.notTheProtocol("recv", "\(endpoint): not an HTTP answer") }
        return Response(status: status, body: answer[(head + 4)...])
    }
}
