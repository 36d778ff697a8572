import Foundation
import VarvePlatform

@testable import VarveDelivery

/// A TCP server on a free port of 127.0.0.1 that gives each connection to `serve`, on a thread of
/// its own.
final class StubServer: Sendable {
    let port: Int
    private let thread: NamedThread
    private let isStopping = Lock(false)

    /// - Parameter serve: reads and writes the connection; it closes when this returns.
    init(_ serve: @escaping @Sendable (StubConnection) -> Void) {
        let listening = Lock(0)
        let isStopping = isStopping
        thread = NamedThread("stub-server") {
            do {
                let listener = try Socket.listen(Endpoint(host: "127.0.0.1", port: 0))
                listening.withLock { $0 = listener.localPort }
                listening.signal()
                var connections: [NamedThread] = []
                while !isStopping.withLock({ $0 }) {
                    guard try listener.waitReadable(timeoutMilliseconds: 20),
                        let socket = try listener.accept()
                    else { continue }
                    let connection = StubConnection(socket, isStopping)
                    connections.append(NamedThread("stub-connection") { serve(connection) })
                }
                for connection in connections { connection.join() }
            } catch {
                print("stub server: \(error)")
            }
        }
        port = listening.wait { $0 > 0 ? $0 : nil }!
    }

    /// Ends the server and waits for its thread.
    func stop() {
        isStopping.withLock { $0 = true }
        thread.join()
    }
}

/// The server's end of a connection.
final class StubConnection: @unchecked Sendable {
    // SAFETY: only the one thread that serves the connection touches it.
    private let socket: Socket
    private let isStopping: Lock<Bool>
    private var buffer: [UInt8] = []

    init(_ socket: consuming Socket, _ isStopping: Lock<Bool>) {
        self.socket = socket
        self.isStopping = isStopping
    }

    /// More bytes into the buffer; false at the end of the stream or when the server stops.
    private func fill() -> Bool {
        while !isStopping.withLock({ $0 }) {
            do {
                var chunk = [UInt8](repeating: 0, count: 64 << 10)
                let count = try chunk.withUnsafeMutableBytes { try socket.read(into: $0) }
                if let count {
                    buffer += chunk[..<count]
                    return count > 0
                }
                _ = try socket.waitReadable(timeoutMilliseconds: 20)
            } catch {
                return false
            }
        }
        return false
    }

    /// The next `count` bytes; nil when they do not come.
    func read(_ count: Int) -> [UInt8]? {
        while buffer.count < count { guard fill() else { return nil } }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// The bytes before the next `mark`, which goes too; nil when it does not come.
    func read(until mark: String) -> String? {
        let mark = Array(mark.utf8)
        while true {
            if let range = buffer.firstRange(of: mark) {
                defer { buffer.removeFirst(range.upperBound) }
                return String(decoding: buffer[..<range.lowerBound], as: UTF8.self)
            }
            guard fill() else { return nil }
        }
    }

    func write(_ text: String) {
        let bytes = ByteSlice(text)
        var sent = 0
        do {
            while sent < bytes.count {
                let count = try socket.write([bytes[sent..<bytes.count]], from: 0)
                sent += count
                if count == 0 { _ = try socket.waitWritable(timeoutMilliseconds: 1000) }
            }
        } catch {
            // The client went away; the test looks at what it has then.
        }
    }

    /// Ends the connection in the middle of whatever was going on.
    func abort() { socket.shutdown() }

    /// Waits until the server stops: an answer that never comes.
    func hang() {
        while !isStopping.withLock({ $0 }) { usleep(10_000) }
    }
}

/// An HTTP request as a stub got it.
struct StubRequest: Sendable {
    let target: String
    /// Names in lower case.
    let headers: [String: String]
    /// Decompressed.
    let body: String
}

/// What a stub answers.
enum StubAnswer: Sendable {
    case status(Int, String)
    /// 302 to another place.
    case redirect(String)
    /// The connection ends without an answer.
    case abort
    /// No answer comes.
    case hang
}

/// An HTTP/1.1 server that keeps the requests it got and answers as `answer` says.
final class StubHTTPServer: Sendable {
    private let server: StubServer
    private let log: Lock<[StubRequest]>

    init(_ answer: @escaping @Sendable (StubRequest) -> StubAnswer) {
        let log = Lock<[StubRequest]>([])
        self.log = log
        server = StubServer { connection in
            while let head = connection.read(until: "\r\n\r\n") {
                var lines = head.components(separatedBy: "\r\n")
                let target =
                    lines.removeFirst().components(separatedBy: " ").dropFirst().first ?? ""
                var headers: [String: String] = [:]
                for line in lines {
                    let parts = line.components(separatedBy: ": ")
                    headers[parts[0].lowercased()] = parts.dropFirst().joined(separator: ": ")
                }
                if headers["expect"] == "100-continue" {
                    connection.write("HTTP/1.1 100 Continue\r\n\r\n")
                }
                guard let count = headers["content-length"].flatMap({ Int($0) }),
                    let bytes = connection.read(count)
                else { return }
                let request = StubRequest(
                    target: target, headers: headers,
                    body: StubHTTPServer.text(bytes, headers["content-encoding"]))
                log.withLock { $0.append(request) }
                switch answer(request) {
                case .status(let status, let body):
                    connection.write(
                        "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\n"
                            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
                case .redirect(let place):
                    connection.write(
                        "HTTP/1.1 302 X\r\nLocation: \(place)\r\nContent-Length: 0\r\n\r\n")
                case .abort:
                    connection.abort()
                    return
                case .hang:
                    connection.hang()
                    return
                }
            }
        }
    }

    private static func text(_ bytes: [UInt8], _ encoding: String?) -> String {
        guard encoding == "gzip" else { return String(decoding: bytes, as: UTF8.self) }
        do {
            return try GzipBody.decompressForTests(ByteSlice(bytes)).string
        } catch {
            return "not gzip: \(error)"
        }
    }

    var url: String { "http://127.0.0.1:\(server.port)" }
    var requests: [StubRequest] { log.withLock { $0 } }
    func stop() { server.stop() }
}
