import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// A broker in this process, on a port of its own, in a directory that goes with it.
final class TestBroker {
    let broker: Broker
    let directory: String
    private let keepsDirectory: Bool

    init(
        settings: [String: String] = [:], limits: ConnectionLimits? = nil,
        disk: any Disk = PosixDisk(), directory: String? = nil, http: Bool = false,
        listen: [String] = ["127.0.0.1:0"], advertised: String? = nil
    ) throws {
        keepsDirectory = directory != nil
        self.directory = directory ?? TestBroker.makeDirectory()
        var merged = [
            "num.network.threads": "2", "offsets.topic.num.partitions": "2",
            "transaction.state.log.num.partitions": "2",
        ]
        merged.merge(settings) { $1 }
        broker = try Broker(
            BrokerConfiguration(
                dataDirectory: self.directory, listen: listen, advertised: advertised,
                http: http ? "127.0.0.1:0" : nil, settings: merged),
            disk: disk, clock: SystemClock(),
            logger: Logger("test", levelMin: .error, sink: { _ in }), limits: limits)
        try broker.start()
    }

    deinit {
        do { try broker.stop() } catch { Issue.record("stop failed: \(error)") }
        if !keepsDirectory { try? FileManager.default.removeItem(atPath: directory) }
    }

    static func makeDirectory() -> String {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("varve-broker-\(UUID().uuidString)").path
        return path
    }

    func client() throws -> TestClient { try TestClient(port: broker.port) }

    func http() throws -> TestClient { try TestClient(port: broker.httpPort) }

    var state: BrokerState { get throws { try broker.state() } }
}

/// Makes limits from the defaults.
func limits(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
    var limits = ConnectionLimits()
    change(&limits)
    return limits
}

/// A raw Kafka client: one blocking connection, requests sent as bytes, frames read back.
final class TestClient {
    private let stream: SocketStream
    private var received: [UInt8] = []
    private var correlation: Int32 = 0
    static let timeoutMilliseconds: Int32 = 10_000

    struct Closed: Error {}
    struct TimedOut: Error {}

    /// - Parameter tls: for a client that comes to an SSL listener.
    init(port: Int, tls: TLSContext? = nil) throws {
        stream = try SocketStream.connect(
            Endpoint(host: "127.0.0.1", port: port), tls: tls, timeoutMilliseconds: 5000)
    }

    /// Protocol, cipher and the broker's certificate; empty without TLS.
    var session: String { stream.summary }

    /// Sends all of `bytes`; throws when the broker takes none for ten seconds.
    func send(_ bytes: ByteSlice) throws {
        var sent = 0
        while sent < bytes.count {
            let count = try write(bytes, from: sent)
            if count == 0 {
                guard
                    try stream.socket.waitWritable(timeoutMilliseconds: Self.timeoutMilliseconds)
                else { throw TimedOut() }
            }
            sent += count
        }
    }

    /// A connection that breaks is a SystemError, with TLS or without.
    private func write(_ bytes: ByteSlice, from sent: Int) throws -> Int {
        do throws(TLSError) {
            return try stream.write([bytes], from: sent)
        } catch {
            if let system = error.systemError { throw system }
            throw error
        }
    }

    /// Sends what fits without waiting for more than `milliseconds`; returns the bytes taken.
    func sendSome(_ bytes: ByteSlice, milliseconds: Int32) throws -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = try write(bytes, from: sent)
            if count == 0,
                try !stream.socket.waitWritable(timeoutMilliseconds: milliseconds)
            { break }
            sent += count
        }
        return sent
    }

    /// Sends a request and returns its correlation id.
    @discardableResult
    func send(
        _ request: some WireRequest, version: Int16, clientID: String? = "test"
    ) throws -> Int32 {
        correlation += 1
        try send(
            encodeRequest(
                request, version: version, correlationId: correlation, clientId: clientID))
        return correlation
    }

    /// The next frame without its length; throws `Closed` at the end of the stream.
    func frame(timeoutMilliseconds: Int32 = TestClient.timeoutMilliseconds) throws -> ByteSlice {
        while true {
            if received.count >= 4 {
                let count = received[..<4].reduce(0) { $0 << 8 | Int($1) }
                if received.count >= 4 + count {
                    let frame = ByteSlice(received[4..<4 + count])
                    received.removeFirst(4 + count)
                    return frame
                }
            }
            guard try readMore(timeoutMilliseconds) else { throw Closed() }
        }
    }

    /// Everything until the broker closes.
    func readToEnd() throws -> ByteSlice {
        while try readMore(Self.timeoutMilliseconds) {}
        return ByteSlice(received)
    }

    private func readMore(_ timeoutMilliseconds: Int32) throws -> Bool {
        if !stream.mayHaveMore {
            guard try stream.socket.waitReadable(timeoutMilliseconds: timeoutMilliseconds) else {
                throw TimedOut()
            }
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        do throws(TLSError) {
            guard let count = try stream.read(into: buffer) else { return true }
            received.append(contentsOf: buffer[..<count])
            return count > 0
        } catch {
            // A reset is a close too: the broker had bytes of ours that it did not read.
            return false
        }
    }

    /// Whether the broker closes the connection within `milliseconds`.
    func closes(within milliseconds: Int32 = 5000) -> Bool {
        do {
            while true { if try !readMore(milliseconds) { return true } }
        } catch {
            return false
        }
    }

    /// Whether nothing comes for `milliseconds`.
    func isSilent(for milliseconds: Int32) throws -> Bool {
        if !received.isEmpty { return false }
        return try !stream.socket.waitReadable(timeoutMilliseconds: milliseconds)
    }

    /// Sends a request and waits for its response.
    func ask<Request: WireRequest>(
        _ request: Request, version: Int16? = nil, clientID: String? = "test"
    ) throws -> Request.Response {
        let version = version ?? TestClient.newest(Request.api)
        let id = try send(request, version: version, clientID: clientID)
        return try answer(to: Request.self, version: version, id: id)
    }

    /// The next response, which must be to request `id`.
    func answer<Request: WireRequest>(
        to request: Request.Type, version: Int16? = nil, id: Int32
    ) throws -> Request.Response {
        let (correlation, response) = try decodeResponse(
            to: Request.self, version: version ?? TestClient.newest(Request.api), frame: frame())
        #expect(correlation == id)
        return response
    }

    static func newest(_ api: ApiKey) -> Int16 {
        AdvertisedVersions.served.first { $0.api == api }!.versions.upperBound
    }
}
