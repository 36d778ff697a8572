internal import VarvePlatform
internal import VarveWire

/// One client's TCP connection: cuts its bytes into requests, hands them on in order, and sends
/// the answers in the same order.
///
/// What a client can make it hold is bounded (I8): one request in arrival, at most as large as it
/// has really sent; `requestsInFlightMax` waiting; about `unsentBytesMax` unsent. At a bound its
/// reads pause, and TCP passes that on to the client. Lives on its loop's thread alone.
final class Connection: Channel {
    /// Why a connection ends.
    enum CloseReason {
        case peerClosed
        case failed(TLSError)
        /// The two sides did not come to terms on TLS.
        case handshake(TLSError)
        /// The handshake took too long.
        case halfHandshake
        case frame(FrameError)
        /// The request's bytes or its handling; the text goes to the log.
        case request(String)
        case idle
        /// A request stayed unfinished for too long.
        case halfRequest
        /// The peer does not read its answers.
        case stalled
        case stopping
    }

    /// How far a connection's end has come.
    enum End {
        /// The peer sends no more, and may still read answers.
        case input
        /// Nothing can be sent any more.
        case closed
    }

    let token: UInt64
    let peerHost: String
    /// Who the client is: known after the handshake, before its first request is handled.
    private(set) var principal = Principal.anonymous
    /// Where this client reaches this broker.
    let advertised: Endpoint
    private var stream: SocketStream
    private unowned let loop: EventLoop
    private let broker: BrokerState
    private let limits: ConnectionLimits

    private var assembler: FrameAssembler
    private var frameMemory: FrameMemory
    /// The shared frame memory had no more: reads pause until it has.
    private var isStarved = false
    private var frames = FrameQueue()
    private var responses = ResponseQueue()
    /// How many of the requests that wait count against what all connections share.
    private var pipelined = 0
    private var unsent = SendQueue()

    private var interest: Poller.Interest = .read
    /// Whether more bytes are wanted; what for the socket is watched, TLS has a word in.
    private var isReading = true
    private var isProcessing = false
    private var isFlushQueued = false
    private var isResumeQueued = false
    /// Whether this connection counts among the unfinished handshakes.
    private var holdsHandshake: Bool
    private let opened: Int64
    private var isClosed = false
    private var hasEnded = false
    private var isDraining = false
    private var lastActivity: Int64
    private var frameBegan: Int64 = 0
    private var lastSendProgress: Int64 = 0
    private var endActions: [UInt64: (End) -> Void] = [:]
    private var nextEndAction: UInt64 = 0
    /// Its client is over a quota: no request is handled before this (monotonic milliseconds).
    private var mutedUntil: Int64 = 0
    private var muteTimer: UInt64?

    var descriptor: Int32 { stream.descriptor }

    /// - Parameter tls: what the client's handshake is answered with; nil for a plain listener.
    ///   The connection then counts as an unfinished handshake, until it is one no more.
    init(
        socket: consuming Socket, advertised: Endpoint, tls: TLSContext? = nil, loop: EventLoop,
        broker: BrokerState
    ) {
        peerHost = socket.peer
        self.advertised = advertised
        stream = SocketStream(socket, serving: tls)
        holdsHandshake = tls != nil
        opened = loop.now
        if tls != nil {
            loop.handshakeCount += 1
            broker.handshakes.reserveAnyway(1)
        }
        token = loop.makeToken()
        self.loop = loop
        self.broker = broker
        limits = broker.connectionLimits
        assembler = FrameAssembler(frameBytesMax: limits.frameBytesMax)
        frameMemory = FrameMemory(
            bytesUnshared: limits.frameBytesUnshared, budget: broker.frameMemory,
            extra: broker.frameMemoryExtra)
        lastActivity = loop.now
        broker.metrics.connectionsOpen.add(1)
        broker.metrics.connectionsTotal.add(1)
    }

    // MARK: - In

    func ready(readable: Bool, writable: Bool) {
        guard stream.isEstablished else { return shake() }
        // Within TLS the one may wait for the other.
        let (mayRead, mayWrite) = stream.progress(readable: readable, writable: writable)
        if mayWrite && !unsent.isEmpty { flush() }
        guard mayRead, !isClosed else { return }
        // With reads paused only an error or a full hang-up is reported, again and again.
        guard isReading else {
            if !writable { return }
            return close(.peerClosed)
        }
        receive()
        process()
    }

    func resume() {
        isResumeQueued = false
        guard !isClosed, isReading else { return }
        receive()
        process()
    }

    /// Goes on with the TLS handshake.
    private func shake() {
        do throws(TLSError) {
            if let wanted = try stream.handshake() {
                guard wanted != interest else { return }
                interest = wanted
                return loop.setInterest(wanted, of: self, token: token)
            }
        } catch {
            return close(.handshake(error))
        }
        endHandshake()
        lastActivity = loop.now
        broker.metrics.handshakes.add()
        guard identify() else { return }
        broker.logger.debug("TLS session", ["peer": peerHost, "session": stream.summary])
        receive()
        process()
    }

    /// Takes the client's name from its certificate; false where the connection closes for it.
    private func identify() -> Bool {
        guard let subject = stream.peerSubject else { return true }
        guard let name = broker.principalMapping.name(of: subject) else {
            close(
                .request(
                    "\(BrokerSettings.principalMappingName) has no rule for its certificate's "
                        + "subject \(subject)"))
            return false
        }
        principal = Principal(name: name)
        return true
    }

    private func endHandshake() {
        guard holdsHandshake else { return }
        holdsHandshake = false
        loop.handshakeCount -= 1
        broker.handshakes.release(1)
    }

    /// Closes the oldest unfinished handshake on `loop`, so that clients that begin one and never
    /// end it keep nobody out (I8).
    static func closeOldestHandshake(on loop: EventLoop) {
        let oldest = loop.firstChannel { ($0 as? Connection)?.holdsHandshake ?? false }
        guard let oldest, let connection = loop.channel(oldest) as? Connection else { return }
        connection.close(.halfHandshake)
    }

    private func receive() {
        // A few reads a turn, so that one busy client does not starve the others of its loop.
        for _ in 0..<4 where !isClosed && !hasEnded && canRead {
            do throws(TLSError) {
                guard let count = try readOnce() else { return }
                if count == 0 {
                    hasEnded = true
                    lastActivity = loop.now
                    // Nobody may be there to wait for: long polls end with what there is.
                    for action in endActions.values { action(.input) }
                    return
                }
                broker.metrics.bytesIn.add(count)
                lastActivity = loop.now
            } catch {
                return close(.failed(error))
            }
        }
    }

    /// Bytes read; 0 at the peer's end, nil when none are there (or the connection was closed).
    private func readOnce() throws(TLSError) -> Int? {
        let begun = assembler.begunCount
        var count: Int?
        if assembler.missingCount > 0 {
            guard reserveForFrame() else { return nil }
            try assembler.fill(into: &frames) { (buffer) throws(TLSError) in
                count = try stream.read(into: buffer)
                return count ?? 0
            }
            if assembler.missingCount == 0 { frameMemory.release() }
        } else {
            count = try stream.read(into: loop.scratch)
            guard let count else { return nil }
            do throws(FrameError) {
                try assembler.consume(
                    UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]), into: &frames)
            } catch {
                close(.frame(error))
                return nil
            }
            frameMemory.count(assembler.capacity)
        }
        if assembler.begunCount != begun { frameBegan = loop.now }
        return count
    }

    private var canRead: Bool { frames.isEmpty && canTake && !isStarved && !isDraining }

    /// Whether another request may be handled before answers have left.
    private var canTake: Bool {
        responses.count < limits.requestsInFlightMax && answeredBytes < limits.unsentBytesMax
            && (responses.count < limits.requestsInFlightUnshared || broker.pipelined.hasRoom)
    }

    private func countPipelined() {
        let count = max(0, responses.count - limits.requestsInFlightUnshared)
        if count > pipelined {
            broker.pipelined.reserveAnyway(count - pipelined)
        } else if count < pipelined {
            broker.pipelined.release(pipelined - count)
        }
        pipelined = count
    }

    /// Whether another request may be handled now. While muted the next one is still read, so that
    /// the end of a peer that does not wait is noticed.
    private var canHandle: Bool { canTake && (!isMuted || isDraining) }

    private var isMuted: Bool { loop.now < mutedUntil }

    /// Bytes of answers that the peer has not taken, or that wait for an answer before them.
    private var answeredBytes: Int { unsent.byteCount + responses.heldByteCount }

    /// Makes room in the memory that all connections share for the next piece of a large frame.
    private func reserveForFrame() -> Bool {
        guard let wanted = assembler.capacityWanted, !frameMemory.reserve(wanted) else {
            isStarved = false
            return true
        }
        if !isStarved {
            isStarved = true
            broker.metrics.framesStarved.add(1)
            updateInterest()
            retryWhenStarved()
        }
        return false
    }

    private func retryWhenStarved() {
        _ = loop.addTimer(at: loop.now + 20) { [weak self] in
            guard let self, !isClosed, isStarved else { return }
            if reserveForFrame() {
                frameBegan = loop.now
                updateInterest()
            } else {
                retryWhenStarved()
            }
        }
    }

    /// Hands on the requests that may be handled now.
    private func process() {
        guard !isProcessing, !isClosed else { return }
        isProcessing = true
        while !isClosed, canHandle, let frame = frames.popFirst() { dispatch(frame) }
        isProcessing = false
        guard !isClosed else { return }
        flush()
    }

    private func dispatch(_ frame: ByteSlice) {
        let number = responses.open()
        countPipelined()
        let outcome = loop.handling(bytes: frame.count) {
            Dispatch.run(frame, number: number, connection: self, loop: loop, broker: broker)
        }
        switch outcome {
        case .answer(let pieces): finish(number, pieces)
        case .later: break
        case .silent: finish(number, [])
        case .close(let reason): close(.request(reason))
        }
    }

    // MARK: - Out

    /// Encodes `response` and sends it when its turn comes.
    func answer<Request: WireRequest>(
        _ number: UInt64, with response: Request.Response, to request: Request.Type,
        version: Int16, correlationId: Int32
    ) {
        guard !isClosed else { return }
        do throws(WireError) {
            finish(
                number,
                try encodeResponse(
                    throttled(response), api: Request.api, version: version,
                    correlationId: correlationId))
        } catch {
            close(.request("a response to \(Request.api) cannot be encoded: \(error)"))
        }
        if !isFlushQueued {
            isFlushQueued = true
            loop.flushLater(token)
        }
    }

    private func finish(_ number: UInt64, _ pieces: [ByteSlice]) {
        guard responses.complete(number, pieces) else {
            preconditionFailure("a request was answered twice")
        }
        for piece in pieces { broker.responseMemory.reserveAnyway(piece.count) }
        while let pieces = responses.popReady() {
            if unsent.isEmpty { lastSendProgress = loop.now }
            for piece in pieces { unsent.append(piece) }
        }
        countPipelined()
    }

    func flush() {
        isFlushQueued = false
        guard !isClosed else { return }
        if !unsent.isEmpty {
            do throws(TLSError) {
                let count = try unsent.send(to: stream)
                if count > 0 { took(count) }
            } catch {
                return close(.failed(error))
            }
        }
        if !frames.isEmpty && !isProcessing && canHandle { return process() }
        if (hasEnded || isDraining) && responses.count == 0 && unsent.isEmpty && frames.isEmpty {
            return close(isDraining ? .stopping : .peerClosed)
        }
        updateInterest()
    }

    private func took(_ count: Int) {
        broker.metrics.bytesOut.add(count)
        broker.responseMemory.release(count)
        lastSendProgress = loop.now
        lastActivity = loop.now
    }

    private func updateInterest() {
        guard !isClosed, stream.isEstablished else { return }
        isReading = canRead && !hasEnded
        if isReading && stream.mayHaveMore && !isResumeQueued {
            isResumeQueued = true
            loop.resumeLater(token)
        }
        let wanted = stream.interest(reading: isReading, writing: !unsent.isEmpty)
        guard wanted != interest else { return }
        interest = wanted
        loop.setInterest(wanted, of: self, token: token)
    }

    // MARK: - Quotas

    /// Handles no further request for so long: the client is over a quota (KIP-219). What is under
    /// way goes on, and responses leave at once, so that the client hears of it.
    func mute(_ milliseconds: Int64) {
        guard !isClosed, loop.now + milliseconds > mutedUntil else { return }
        mutedUntil = loop.now + milliseconds
        broker.metrics.throttled.add()
        // One timer for each connection, and none for one that is gone: waits can be long (I8).
        if let muteTimer { loop.cancelTimer(muteTimer) }
        muteTimer = loop.addTimer(at: mutedUntil) { [weak self] in self?.process() }
    }

    /// `response`, with the time for which the connection is muted.
    func throttled<Response: WireResponse>(_ response: Response) -> Response {
        guard isMuted, var throttled = response as? any ThrottledResponse else { return response }
        throttled.throttleTimeMs = Int32(clamping: mutedUntil - loop.now)
        return throttled as? Response ?? response
    }

    // MARK: - The end

    func sweep(now: Int64) {
        guard stream.isEstablished else {
            if now - opened >= limits.handshakeMilliseconds { close(.halfHandshake) }
            return
        }
        if !unsent.isEmpty && now - lastSendProgress >= limits.stalledMilliseconds {
            return close(.stalled)
        }
        if hasEnded && now - lastActivity >= limits.lingerMilliseconds { return close(.peerClosed) }
        if assembler.isInsideFrame && !isStarved && isReading {
            let earned =
                Int64(assembler.receivedCount) * 1000 / limits.requestBytesPerSecondMin
            if now - frameBegan >= limits.requestMilliseconds + earned {
                return close(.halfRequest)
            }
        }
        if responses.count == 0 && unsent.isEmpty && !isMuted
            && now - lastActivity >= limits.idleMillisecondsMax
        {
            close(.idle)
        }
    }

    func drain() {
        isDraining = true
        flush()
    }

    /// Closes at once; answers that have not left are lost with it.
    func close(_ reason: CloseReason) {
        guard !isClosed else { return }
        isClosed = true
        switch reason {
        case .failed(.session(_, let reason)): refused("the TLS session broke: \(reason)")
        case .peerClosed, .stopping, .failed: break
        case .handshake(let error): refusedHandshake(error)
        case .frame(let error) where error.looksLikeTLS && !stream.isSecure:
            refused(
                "a TLS handshake on a plain listener: the client wants "
                    + "security.protocol=PLAINTEXT, or an SSL:// listener's port")
        case .frame(let error):
            refused("not a Kafka request: \(error)")
        case .request(let text):
            refused(text)
        case .idle, .halfRequest, .halfHandshake, .stalled:
            broker.metrics.connectionsTimedOut.add(1)
            broker.logger.debug("closed: no progress", ["peer": peerHost, "reason": "\(reason)"])
        }
        loop.remove(token)
    }

    private func refusedHandshake(_ error: TLSError) {
        broker.metrics.handshakesFailed.add()
        // Who comes and goes without a word is a port scan or a health check.
        if error.isRetriable {
            broker.logger.debug("TLS handshake failed", ["peer": peerHost, "error": error])
        } else if let omitted = broker.refusalLines.admit(now: loop.now) {
            broker.logger.info(
                "TLS handshake failed", ["peer": peerHost, "error": error, "omitted": omitted])
        }
    }

    private func refused(_ reason: String) {
        broker.metrics.requestsRefused.add(1)
        guard let omitted = broker.refusalLines.admit(now: loop.now) else { return }
        broker.logger.info(
            "closed a connection for what it sent",
            ["peer": peerHost, "reason": reason, "omitted": omitted])
    }

    func channelClosed() {
        isClosed = true
        frameMemory.release()
        broker.responseMemory.release(answeredBytes)
        unsent = SendQueue()
        responses = ResponseQueue()
        countPipelined()
        // What is parked may keep this object for a while; the peer need not wait for that.
        stream.close()
        endHandshake()
        broker.connectionCount.release(1)
        broker.metrics.connectionsOpen.add(-1)
        if let muteTimer { loop.cancelTimer(muteTimer) }
        let actions = endActions
        endActions = [:]
        for action in actions.values { action(.closed) }
    }

    /// Runs `action` when the peer's input ends and when the connection closes.
    func whenEnding(_ action: @escaping (End) -> Void) -> UInt64 {
        nextEndAction += 1
        endActions[nextEndAction] = action
        return nextEndAction
    }

    func forgetEndAction(_ identifier: UInt64) { endActions[identifier] = nil }
}
