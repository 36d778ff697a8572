package import VarveWire

/// What handles one kind of request.
///
/// `handle` runs on the connection's event loop, from its call to its end: it must not wait for
/// anything. What has to wait (for the disk, for time, for other members) takes a slot from the
/// context, returns `.later`, and completes the slot from whatever thread gets there.
package protocol RequestHandler {
    associatedtype Request: WireRequest
    static func handle(_ request: Request, context: RequestContext) -> Reply<Request.Response>
}

/// What a handler answers at once.
package enum Reply<Response: WireResponse> {
    /// This response.
    case now(Response)
    /// A response that comes later through the `ResponseSlot` taken from the context.
    case later
    /// No response at all: a Produce request with acks=0.
    case silent
    /// No response, and the connection closes; the reason goes to the log.
    case close(String)
}

/// Where a parked request's response goes. Complete it once, from any thread, also before the
/// handler has returned. A slot whose connection has closed in the meantime swallows it.
package struct ResponseSlot<Request: WireRequest>: Sendable {
    private let loop: EventLoop
    private let connection: UInt64
    private let number: UInt64
    private let version: Int16
    private let correlationId: Int32

    init(
        loop: EventLoop, connection: UInt64, number: UInt64, version: Int16, correlationId: Int32
    ) {
        self.loop = loop
        self.connection = connection
        self.number = number
        self.version = version
        self.correlationId = correlationId
    }

    /// Sends `response` when every earlier request of the connection has been answered. It is
    /// encoded on the connection's loop, so that a committer is not held up by it.
    package func complete(_ response: Request.Response) {
        loop.post { [self] in
            (loop.channel(connection) as? Connection)?.answer(
                number, with: response, to: Request.self, version: version,
                correlationId: correlationId)
        }
    }

    /// The same where the caller is on the connection's loop already: saves the mailbox.
    /// Not from inside `handle`.
    func completeOnLoop(_ response: Request.Response) {
        (loop.channel(connection) as? Connection)?.answer(
            number, with: response, to: Request.self, version: version,
            correlationId: correlationId)
    }

    /// Gives the request no answer and closes its connection (acks=0 that failed).
    package func close(_ reason: String) {
        loop.post { [self] in
            (loop.channel(connection) as? Connection)?.close(.request(reason))
        }
    }
}
