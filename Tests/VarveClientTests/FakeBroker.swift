import VarvePlatform
import VarveRecords
import VarveWire

/// A broker that answers what the test tells it to: for the errors that a real one makes seldom.
///
/// It is the only broker (number 1), the leader of every partition of every topic, and the
/// coordinator of every group. One thread per connection, requests answered in order.
final class FakeBroker: Sendable {
    let endpoint: Endpoint
    private let state = Lock(State())
    private let listener: ListenerBox

    private struct State {
        var answers: [ApiKey: Answer] = [:]
        var versions: [ApiKey: ClosedRange<Int16>] = ApiKey.supported
        var requests: [RequestHeader] = []
        var isStopped = false
        var partitions: Int32 = 1
    }

    /// The response's pieces; nil closes the connection, no pieces answer nothing.
    typealias Answer = @Sendable (RequestHeader, ByteSlice, Int) throws -> [ByteSlice]?

    private final class ListenerBox: Sendable {
        let socket: Socket
        init(_ socket: consuming Socket) { self.socket = socket }
    }

    private final class ConnectionBox: Sendable {
        let socket: Socket
        init(_ socket: consuming Socket) { self.socket = socket }
    }

    init(partitions: Int32 = 1) throws {
        listener = ListenerBox(try Socket.listen(Endpoint(host: "127.0.0.1", port: 0)))
        endpoint = Endpoint(host: "127.0.0.1", port: listener.socket.localPort)
        state.withLock { $0.partitions = partitions }
        answer(ApiVersionsRequest.self) { [state] _, _ in
            var response = ApiVersionsResponse()
            for (api, versions) in state.withLock({ $0.versions }) {
                var entry = ApiVersionsResponse.ApiVersion()
                entry.apiKey = api.rawValue
                entry.minVersion = versions.lowerBound
                entry.maxVersion = versions.upperBound
                response.apiKeys.append(entry)
            }
            return response
        }
        answer(MetadataRequest.self) { [state, endpoint] request, _ in
            Self.metadata(request, endpoint, partitions: state.withLock { $0.partitions })
        }
        answer(InitProducerIdRequest.self) { _, _ in
            var response = InitProducerIdResponse()
            response.producerId = 1000
            return response
        }
        NamedThread("fake-broker") { [listener, state] in
            while !state.withLock({ $0.isStopped }) {
                do {
                    guard try listener.socket.waitReadable(timeoutMilliseconds: 50),
                        let socket = try listener.socket.accept()
                    else { continue }
                    let box = ConnectionBox(socket)
                    NamedThread("fake-connection") { Self.serve(box.socket, state) }.detach()
                } catch {
                    return
                }
            }
        }.detach()
    }

    /// Closes everything within a moment. Without it the broker stays until the tests end.
    func stop() { state.withLock { $0.isStopped = true } }

    /// Headers of all requests so far.
    var requests: [RequestHeader] { state.withLock { $0.requests } }

    func limit(_ api: ApiKey, to versions: ClosedRange<Int16>?) {
        state.withLock { $0.versions[api] = versions }
    }

    /// Has requests of a type answered by `body`; nil closes the connection.
    func answer<Request: WireRequest>(
        _ type: Request.Type,
        _ body: @escaping @Sendable (Request, RequestHeader) throws -> Request.Response?
    ) {
        answerRaw(Request.api) { header, frame, position in
            let request = try decodeRequest(type, header: header, frame: frame, at: position)
            guard let response = try body(request, header) else { return nil }
            return try encodeResponse(
                response, api: Request.api, version: header.apiVersion,
                correlationId: header.correlationId)
        }
    }

    func answerRaw(_ api: ApiKey, _ body: @escaping Answer) {
        state.withLock { $0.answers[api] = body }
    }

    private static func metadata(
        _ request: MetadataRequest, _ endpoint: Endpoint, partitions: Int32
    ) -> MetadataResponse {
        var broker = MetadataResponse.Broker()
        broker.nodeId = 1
        broker.host = endpoint.host
        broker.port = Int32(endpoint.port)
        var response = MetadataResponse()
        response.brokers = [broker]
        response.controllerId = 1
        response.topics = (request.topics ?? []).map { asked in
            var topic = MetadataResponse.Topic()
            topic.name = asked.name
            topic.partitions = (0..<partitions).map {
                var partition = MetadataResponse.Partition()
                partition.partitionIndex = $0
                partition.leaderId = 1
                return partition
            }
            return topic
        }
        return response
    }

    private static func serve(_ socket: borrowing Socket, _ state: Lock<State>) {
        do {
            while true {
                guard let field = try read(socket, 4, state) else { return }
                let length = field.withUnsafeBytes {
                    Int(Int32(bigEndian: $0.loadUnaligned(as: Int32.self)))
                }
                guard let frame = try read(socket, length, state) else { return }
                let (header, position) = try RequestHeader.decode(frame)
                let answer = state.withLock { state in
                    state.requests.append(header)
                    return header.api.flatMap { state.answers[$0] }
                }
                guard let answer, let pieces = try answer(header, frame, position) else { return }
                for piece in pieces {
                    var sent = 0
                    while sent < piece.count {
                        _ = try socket.waitWritable(timeoutMilliseconds: 1_000)
                        sent += try socket.write([piece], from: sent)
                    }
                }
            }
        } catch {
            return
        }
    }

    private static func read(
        _ socket: borrowing Socket, _ count: Int, _ state: Lock<State>
    ) throws -> ByteSlice? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: count)
        while bytes.count < count {
            if state.withLock({ $0.isStopped }) { return nil }
            guard try socket.waitReadable(timeoutMilliseconds: 50) else { continue }
            let missing = count - bytes.count
            let got = try buffer.withUnsafeMutableBytes {
                try socket.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[0..<missing]))
            }
            if got == 0 { return nil }
            bytes += buffer[0..<(got ?? 0)]
        }
        return ByteSlice(bytes)
    }
}
