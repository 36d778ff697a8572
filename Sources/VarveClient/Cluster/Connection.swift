internal import VarvePlatform
internal import VarveWire

/// One connection to a broker: pipelines requests, matches responses by correlation id, and asks
/// the broker for its versions before anything else.
///
/// Only the I/O thread touches it. When it breaks, every request on it fails (whether the broker
/// did it is not known) and the next request makes it anew, after a growing pause.
final class Connection {
    enum State {
        /// Not connected; `connect` may be tried from `retryAt` on.
        case idle
        case connecting
        /// Connected, ApiVersions is on its way.
        case negotiating
        case ready
    }

    let key: ConnectionKey
    let token: UInt64
    private(set) var state = State.idle
    /// Monotonic milliseconds before which no new attempt is made.
    private(set) var retryAt: Int64 = 0
    private var failures = 0
    private(set) var socket: StreamBox?
    /// What the poller watches now.
    var interest: Poller.Interest = []

    private let configuration: ClientConfiguration
    private var versions: [Int16: ClosedRange<Int16>] = [:]
    private var waiting: [OutgoingRequest] = []
    private var inFlight: [Int32: InFlight] = [:]
    private var lastCorrelationID: Int32 = 0
    private var output: [OutputPiece] = []
    private var outputOffset = 0
    private var lengthField = ByteWriter(capacity: 16)
    private var frame: (writer: ByteWriter, length: Int)?

    private struct InFlight {
        let request: OutgoingRequest
        let version: Int16
    }

    private struct OutputPiece {
        let bytes: ByteSlice
        /// Completed when the bytes are written: a request that is not answered.
        let onWritten: OutgoingRequest?
        let version: Int16
    }

    init(key: ConnectionKey, token: UInt64, configuration: ClientConfiguration) {
        self.key = key
        self.token = token
        self.configuration = configuration
    }

    /// Whether somebody waits for this connection to be made.
    var wantsToConnect: Bool {
        if case .idle = state { return !waiting.isEmpty }
        return false
    }

    var wantsToWrite: Bool { !output.isEmpty }

    /// Whether bytes wait inside the connection, of which the poller knows nothing.
    var mayHaveMore: Bool { socket?.stream.mayHaveMore ?? false }

    /// The soonest time at which a request on this connection runs out; nil without one.
    var nextDeadline: Int64? {
        let soonest = waiting.lazy.map(\.deadline).min()
        let sent = inFlight.values.lazy.map(\.request.deadline).min()
        switch (soonest, sent) {
        case (let a?, let b?): return min(a, b)
        default: return soonest ?? sent
        }
    }

    func submit(_ request: OutgoingRequest) {
        if case .ready = state { send(request) } else { waiting.append(request) }
    }

    func connecting() { state = .connecting }

    /// The socket is connected: asks for the broker's versions.
    func connected(_ socket: StreamBox) {
        self.socket = socket
        state = .negotiating
        // Version 3 is the first with the client's name (KIP-511). A broker that does not know it
        // answers in version 0 with UNSUPPORTED_VERSION.
        askForVersions(3)
    }

    // MARK: - Writing

    private func askForVersions(_ version: Int16) {
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "varve"
        request.clientSoftwareVersion = "1"
        let now = SystemClock().monotonicMilliseconds()
        enqueue(
            OutgoingRequest(
                api: .apiVersions, versionMax: version,
                deadline: now + configuration.requestTimeoutMilliseconds, expectsResponse: true,
                encode: {
                    [request, clientID = configuration.clientID] version, id throws(WireError) in
                    try encodeRequest(
                        request, version: version, correlationId: id, clientId: clientID)
                },
                complete: { _ in }), version: version)
    }

    private func send(_ request: OutgoingRequest) {
        guard let known = versions[request.api.rawValue] else {
            return request.complete(.failure(.unsupported(request.api, "\(key.endpoint)")))
        }
        let ours = request.api.versions
        let version = min(
            known.upperBound, ours.upperBound, request.versionMax,
            configuration.versionsMax[request.api] ?? .max)
        guard version >= max(known.lowerBound, ours.lowerBound) else {
            return request.complete(
                .failure(
                    .unsupported(
                        request.api,
                        "\(key.endpoint) has versions \(known), this client \(ours)")))
        }
        enqueue(request, version: version)
    }

    private func enqueue(_ request: OutgoingRequest, version: Int16) {
        lastCorrelationID = lastCorrelationID == .max ? 1 : lastCorrelationID + 1
        let id = lastCorrelationID
        let bytes: ByteSlice
        do throws(WireError) {
            bytes = try request.encode(version, id)
        } catch {
            return request.complete(.failure(.wire(error)))
        }
        if request.expectsResponse {
            inFlight[id] = InFlight(request: request, version: version)
        }
        output.append(
            OutputPiece(
                bytes: bytes, onWritten: request.expectsResponse ? nil : request,
                version: version))
    }

    /// Writes what the socket takes now.
    func write() throws(ClientError) {
        guard let socket else { return }
        while !output.isEmpty {
            var written: Int
            do throws(TLSError) {
                written = try socket.stream.write(
                    output.prefix(64).map(\.bytes), from: outputOffset)
            } catch {
                throw ClientError(error)
            }
            if written == 0 { return }
            while let first = output.first, written > 0 {
                let rest = first.bytes.count - outputOffset
                guard written >= rest else {
                    outputOffset += written
                    break
                }
                written -= rest
                outputOffset = 0
                output.removeFirst()
                first.onWritten?.complete(
                    .success(ResponseFrame(version: first.version, frame: ByteSlice())))
            }
        }
    }

    // MARK: - Reading

    /// Reads all whole responses that are there and completes their requests.
    func read() throws(ClientError) {
        // A few frames a turn, so that one busy connection does not starve the others.
        for _ in 0..<16 {
            guard let frame = try readFrame() else { return }
            try handle(frame)
        }
    }

    private func readFrame() throws(ClientError) -> ByteSlice? {
        if frame == nil {
            guard try fill(&lengthField, to: 4) else { return nil }
            let field = lengthField.finish()
            let length = field.withUnsafeBytes {
                Int(Int32(bigEndian: $0.loadUnaligned(as: Int32.self)))
            }
            guard length >= 4 && length <= configuration.frameBytesMax else {
                throw .wire(.malformed(.badLength(position: 0, length: Int64(length))))
            }
            frame = (ByteWriter(capacity: length), length)
        }
        guard try fill(&frame!.writer, to: frame!.length) else { return nil }
        defer { frame = nil }
        return frame!.writer.finish()
    }

    /// Reads until `writer` has `count` bytes; false when the socket has no more now.
    private func fill(_ writer: inout ByteWriter, to count: Int) throws(ClientError) -> Bool {
        guard let socket else { return false }
        while writer.count < count {
            var got: Int? = 0
            do throws(TLSError) {
                try writer.append(upTo: count - writer.count) { (room) throws(TLSError) in
                    got = try socket.stream.read(into: room)
                    return got ?? 0
                }
            } catch {
                throw ClientError(error)
            }
            guard let got else { return false }
            if got == 0 {
                throw .io(
                    SystemError(
                        call: "recv", errno: SystemError.econnreset,
                        subject: "\(key.endpoint) (the broker closed the connection)"))
            }
        }
        return true
    }

    private func handle(_ frame: ByteSlice) throws(ClientError) {
        let id: Int32
        do throws(WireError) { id = try responseCorrelationId(frame) } catch { throw .wire(error) }
        guard let answered = inFlight.removeValue(forKey: id) else {
            throw .wire(.invalid("a response to nothing: correlation id \(id)"))
        }
        if case .negotiating = state { return try negotiated(answered.version, frame) }
        answered.request.complete(
            .success(ResponseFrame(version: answered.version, frame: frame)))
    }

    private func negotiated(_ version: Int16, _ frame: ByteSlice) throws(ClientError) {
        let response: ApiVersionsResponse
        do throws(WireError) {
            // The error code follows the correlation id in every version, so it can be read
            // before it is known which version the answer has.
            var reader = ByteReader(frame, at: 4)
            let code: ErrorCode
            do throws(ByteReadError) { code = ErrorCode(rawValue: try reader.int16()) } catch {
                throw .malformed(error)
            }
            if code == .unsupportedVersion && version > 0 { return askForVersions(0) }
            response = try decodeResponse(
                to: ApiVersionsRequest.self, version: version, frame: frame
            ).response
        } catch {
            throw .wire(error)
        }
        guard response.errorCode == .none else {
            throw .kafka(response.errorCode, "ApiVersions to \(key.endpoint)")
        }
        versions = [:]
        for api in response.apiKeys where api.minVersion <= api.maxVersion {
            versions[api.apiKey] = api.minVersion...api.maxVersion
        }
        state = .ready
        failures = 0
        let requests = waiting
        waiting = []
        for request in requests { send(request) }
    }

    // MARK: - Ending

    /// Fails the requests whose time is over. Throws when one of them had been sent: its answer
    /// may still come, and what comes after it cannot be trusted to come in time.
    func expire(now: Int64) throws(ClientError) {
        if waiting.contains(where: { $0.deadline <= now }) {
            let expired = waiting.filter { $0.deadline <= now }
            waiting.removeAll { $0.deadline <= now }
            for request in expired {
                request.complete(
                    .failure(.timedOut("\(request.api.name): no connection to \(key.endpoint)")))
            }
        }
        guard let late = inFlight.first(where: { $0.value.request.deadline <= now }) else { return }
        inFlight[late.key] = nil
        let error = ClientError.timedOut("\(late.value.request.api.name) to \(key.endpoint)")
        late.value.request.complete(.failure(error))
        throw error
    }

    /// Closes the connection and fails every request on it with `error`.
    func fail(_ error: ClientError, now: Int64) {
        // A broker may close a connection that nobody uses: no reason to hesitate next time.
        if case .ready = state, inFlight.isEmpty, output.isEmpty {
            retryAt = now
        } else {
            failures += 1
            retryAt = now + Backoff(configuration).milliseconds(attempt: failures)
        }
        state = .idle
        socket = nil
        versions = [:]
        lengthField = ByteWriter(capacity: 16)
        frame = nil
        outputOffset = 0
        let unanswered = output.compactMap(\.onWritten)
        let requests = inFlight.sorted { $0.key < $1.key }.map(\.value.request)
        let queued = waiting
        output = []
        inFlight = [:]
        waiting = []
        for request in requests + unanswered + queued { request.complete(.failure(error)) }
    }
}

/// A connection that can be handed from the thread that made it to the one that uses it.
final class StreamBox: Sendable {
    let stream: SocketStream
    init(_ stream: consuming SocketStream) { self.stream = stream }
}
