package import VarvePlatform
package import VarveWire

/// Who sent a request, and what a handler needs to serve it.
package struct RequestContext: Sendable {
    /// Topics, settings, group coordinator, clock: what all handlers share.
    package let broker: BrokerState
    /// The request's own header; `apiVersion` is one that the API supports.
    package let header: RequestHeader
    /// The event loop this request's connection lives on. For timers: only on its thread.
    package let loop: EventLoop
    /// Names the connection on its loop.
    package let connectionID: UInt64
    /// The peer's numeric address, without its port.
    package let peerHost: String
    /// Who the client is.
    package let principal: Principal
    /// Where this client reaches this broker, for answers that say so.
    package let advertised: Endpoint
    /// The request's place in its connection's order.
    let number: UInt64
    /// Bytes of the request, header included.
    let requestByteCount: Int

    package var version: Int16 { header.apiVersion }
    /// The client's own name for itself; empty when it gave none.
    package var clientID: String { header.clientId ?? "" }
    /// The client as quotas see it.
    var quotaClient: QuotaClient { QuotaClient(user: principal.name, clientID: clientID) }

    /// Counts `amount` of what quotas of `kind` are about, and keeps the connection's next requests
    /// waiting for as long as the client is over its quota (KIP-219). On the loop.
    func charge(_ kind: QuotaKind, _ amount: Double) {
        guard broker.quotas.isInForce(kind) else { return }
        let wait = broker.quotas.charge(kind, amount, for: quotaClient, now: loop.now)
        if wait > 0 { (loop.channel(connectionID) as? Connection)?.mute(wait) }
    }

    /// Where this request's response goes when the handler returns `.later`.
    package func slot<Request: WireRequest>(_ request: Request.Type) -> ResponseSlot<Request> {
        precondition(Request.api.rawValue == header.apiKey, "a slot of another request's type")
        return ResponseSlot(
            loop: loop, connection: connectionID, number: number, version: header.apiVersion,
            correlationId: header.correlationId)
    }

    /// Runs `action` on the loop when the peer's input ends and when the connection closes, so
    /// that what is parked for it can go. Call it on the loop. Returns a name for
    /// `forgetEndAction`; nil when the connection has closed already.
    func whenEnding(_ action: @escaping (Connection.End) -> Void) -> UInt64? {
        (loop.channel(connectionID) as? Connection)?.whenEnding(action)
    }

    func forgetEndAction(_ identifier: UInt64) {
        (loop.channel(connectionID) as? Connection)?.forgetEndAction(identifier)
    }
}
