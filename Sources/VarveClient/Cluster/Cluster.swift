internal import VarvePlatform
internal import VarveWire

/// One Kafka cluster: the connections to its brokers, what is known of its topics and groups, and
/// the way of a request to the broker that has to answer it.
///
/// Producers, consumers and admins share it; close them first, then the cluster. All calls may
/// overlap.
package final class Cluster: Sendable {
    /// What it was made with.
    package let configuration: ClientConfiguration
    let loop: ConnectionLoop
    let clock = SystemClock()
    let state = Lock(State())

    struct State {
        var metadata = ClusterMetadata(clusterID: nil, controllerID: -1, brokers: [], topics: [])
        /// Topics by name, errors included, with when we heard of them (monotonic milliseconds).
        var topics: [String: (description: TopicDescription, at: Int64)] = [:]
        /// Coordinators by group.
        var coordinators: [String: Int32] = [:]
        /// Who wants to hear of metadata, and about which topics.
        var watchers: [UInt64: MetadataWatcher] = [:]
        var lastWatcher: UInt64 = 0
        var isRefreshing = false
        var refreshWanted = false
        /// Where the next request that any broker can answer goes.
        var nextBroker = 0
        var isClosed = false
    }

    package init(_ configuration: ClientConfiguration) {
        self.configuration = configuration
        loop = ConnectionLoop(configuration)
    }

    /// Fails what is under way with `.closed` and closes the connections.
    package func close() async {
        state.withLock {
            $0.isClosed = true
            $0.watchers = [:]
        }
        loop.stop()
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Monotonic milliseconds.
    var now: Int64 { clock.monotonicMilliseconds() }

    // MARK: - Requests

    /// Sends `request` once, and returns the answer with the version it came in. `.kafka` is never
    /// thrown here: the error codes stand in the response.
    func send<Request: WireRequest>(
        _ request: Request, to target: Target, lane: Lane = .shared, versionMax: Int16 = .max,
        timeoutMilliseconds: Int64? = nil
    ) async throws(ClientError) -> (response: Request.Response, version: Int16) {
        let result: Result<ResponseFrame, ClientError> = await withCheckedContinuation {
            continuation in
            submit(
                request, to: target, lane: lane, versionMax: versionMax,
                timeoutMilliseconds: timeoutMilliseconds
            ) { continuation.resume(returning: $0) }
        }
        let frame = try result.get()
        return (try Self.decode(Request.self, frame), frame.version)
    }

    /// The same with a callback, which comes on the I/O thread and must be quick.
    func submit<Request: WireRequest>(
        _ request: Request, to target: Target, lane: Lane, versionMax: Int16 = .max,
        timeoutMilliseconds: Int64? = nil, expectsResponse: Bool = true,
        _ complete: @escaping @Sendable (Result<ResponseFrame, ClientError>) -> Void
    ) {
        guard let endpoint = endpoint(of: target) else {
            // Retriable: a refresh may bring the broker back.
            return complete(
                .failure(
                    target == .any
                        ? .invalid("no bootstrap broker is configured")
                        : .kafka(.leaderNotAvailable, "\(target)")))
        }
        let timeout = timeoutMilliseconds ?? configuration.requestTimeoutMilliseconds
        let clientID = configuration.clientID
        loop.submit(
            OutgoingRequest(
                api: Request.api, versionMax: versionMax, deadline: now + timeout,
                expectsResponse: expectsResponse,
                encode: { version, id throws(WireError) in
                    try encodeRequest(
                        request, version: version, correlationId: id, clientId: clientID)
                },
                complete: { [weak self] result in
                    if case .failure(let error) = result, target == .any, error != .closed {
                        self?.state.withLock { $0.nextBroker += 1 }
                    }
                    complete(result)
                }),
            over: ConnectionKey(endpoint: endpoint, lane: lane))
    }

    static func decode<Request: WireRequest>(
        _ type: Request.Type, _ frame: ResponseFrame
    ) throws(ClientError) -> Request.Response {
        do throws(WireError) {
            return try decodeResponse(to: type, version: frame.version, frame: frame.frame).response
        } catch {
            throw .wire(error)
        }
    }

    /// Runs `body` until it succeeds, with growing pauses, while it fails with errors that a retry
    /// can mend; at most for the call timeout, then with the last error.
    /// - Parameter alsoOn: codes that only this call can hope to outwait.
    func retrying<Value>(
        timeoutMilliseconds: Int64? = nil, alsoOn: Set<ErrorCode> = [],
        _ body: () async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let deadline = now + (timeoutMilliseconds ?? configuration.callTimeoutMilliseconds)
        var attempt = 0
        while true {
            let failure: ClientError
            do throws(ClientError) { return try await body() } catch { failure = error }
            attempt += 1
            let pause = Backoff(configuration).milliseconds(attempt: attempt)
            guard failure.isRetriable || failure.code.map(alsoOn.contains) == true,
                now + pause < deadline, !Task.isCancelled
            else { throw failure }
            await loop.sleep(milliseconds: pause)
        }
    }

    /// Where a request goes.
    enum Target: Hashable, Sendable, CustomStringConvertible {
        /// Any broker; a failure makes the next such request go to another one.
        case any
        case broker(Int32)

        var description: String {
            switch self {
            case .any: "any broker"
            case .broker(let id): "broker \(id) is not in the metadata"
            }
        }
    }

    private func endpoint(of target: Target) -> Endpoint? {
        state.withLock { state in
            switch target {
            case .broker(let id): return state.metadata.broker(id)?.endpoint
            case .any:
                // The brokers of the metadata first, then the bootstrap list: the former may all
                // have moved.
                var endpoints = state.metadata.brokers.map(\.endpoint)
                for endpoint in configuration.bootstrap where !endpoints.contains(endpoint) {
                    endpoints.append(endpoint)
                }
                if endpoints.isEmpty { return nil }
                return endpoints[state.nextBroker % endpoints.count]
            }
        }
    }
}
