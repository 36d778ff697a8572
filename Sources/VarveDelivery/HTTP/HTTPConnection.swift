internal import VarvePlatform

/// A request on its way.
final class HTTPExchange: Sendable {
    let head: ByteSlice
    let body: ByteSlice
    let answerBytesMax: Int
    /// Monotonic milliseconds by which the whole answer must be there.
    let deadline: Int64
    private let cancelled = Lock(false)

    init(head: ByteSlice, body: ByteSlice, answerBytesMax: Int, deadline: Int64) {
        self.head = head
        self.body = body
        self.answerBytesMax = answerBytesMax
        self.deadline = deadline
    }

    /// Nobody waits for the answer any more.
    func cancel() { cancelled.withLock { $0 = true } }

    /// How long to wait still; 0 when its time is over.
    var millisecondsLeft: Int64 {
        if cancelled.withLock({ $0 }) { return 0 }
        return max(0, deadline - SystemClock().monotonicMilliseconds())
    }
}

/// One connection to a server: a request and its answer at a time, again and again as long as
/// both sides keep it. Calls block; one thread at a time.
final class HTTPConnection {
    private let origin: HTTPTarget.Origin
    private let tls: TLSContext?
    private var current: Connected?
    private let input = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 64 << 10, alignment: 16)

    /// A stream in a box: optional stored properties cannot hold a noncopyable value in a class
    /// that is passed around.
    private final class Connected {
        let stream: SocketStream
        init(_ stream: consuming SocketStream) { self.stream = stream }
    }

    /// The longest that one connection may take to come about, whatever the time for the answer.
    private static let connectMilliseconds: Int64 = 10_000
    /// How often a blocked exchange looks whether it was cancelled.
    private static let sliceMilliseconds: Int64 = 100

    /// - Parameter tls: for https.
    init(_ origin: HTTPTarget.Origin, tls: TLSContext?) {
        self.origin = origin
        self.tls = tls
    }

    deinit { input.deallocate() }

    /// Whether another request can be sent over it.
    var isOpen: Bool { current != nil }

    /// Sends a request and returns its answer.
    ///
    /// A server may end an idle connection at the very moment it is used again. Where it did so
    /// before any byte of an answer, the request goes over a new one, once.
    func run(_ exchange: HTTPExchange) throws(HTTPFailure) -> HTTPAnswer {
        if let existing = current {
            var reader = HTTPAnswerReader(bodyBytesMax: exchange.answerBytesMax)
            do throws(HTTPFailure) {
                return try run(exchange, over: existing, &reader)
            } catch {
                guard !reader.hasBegun, exchange.millisecondsLeft > 0 else { throw error }
            }
        }
        let made: Connected
        do throws(TLSError) {
            let limit = min(exchange.millisecondsLeft, Self.connectMilliseconds)
            made = Connected(
                try SocketStream.connect(
                    origin.endpoint, tls: tls, timeoutMilliseconds: Int32(clamping: limit)))
        } catch { throw HTTPFailure(text: "\(error)") }
        var reader = HTTPAnswerReader(bodyBytesMax: exchange.answerBytesMax)
        return try run(exchange, over: made, &reader)
    }

    /// Writes and reads side by side: a server that refuses a request for its size says so while
    /// it is still being sent.
    private func run(
        _ exchange: HTTPExchange, over connected: Connected, _ reader: inout HTTPAnswerReader
    ) throws(HTTPFailure) -> HTTPAnswer {
        current = nil
        var unsent = [exchange.head, exchange.body].filter { !$0.isEmpty }
        var offset = 0
        var refusal: TLSError?
        while !reader.isComplete {
            var isMoving = false
            if !unsent.isEmpty, refusal == nil {
                do throws(TLSError) {
                    let count = try connected.stream.write(unsent, from: offset)
                    isMoving = count > 0
                    offset += count
                } catch {
                    // It may have answered before it hung up.
                    refusal = error
                }
                while let first = unsent.first, offset >= first.count {
                    offset -= first.count
                    unsent.removeFirst()
                }
                if isMoving && !unsent.isEmpty { continue }
            }
            if try receive(connected, &reader, refusal) { continue }
            if let refusal { throw HTTPFailure(text: "\(refusal)") }
            try wait(for: exchange, connected, isSending: !unsent.isEmpty)
        }
        if unsent.isEmpty, reader.keepsConnection { current = connected }
        return reader.finish()
    }

    /// Reads what is there; false when that is nothing yet.
    private func receive(
        _ connected: Connected, _ reader: inout HTTPAnswerReader, _ refusal: TLSError?
    ) throws(HTTPFailure) -> Bool {
        let count: Int?
        do throws(TLSError) {
            count = try connected.stream.read(into: input)
        } catch {
            throw HTTPFailure(text: "\(refusal ?? error)")
        }
        guard let count else { return false }
        if count == 0 {
            try reader.end()
        } else {
            try reader.take(UnsafeRawBufferPointer(rebasing: input[..<count]))
        }
        return true
    }

    private func wait(
        for exchange: HTTPExchange, _ connected: Connected, isSending: Bool
    ) throws(HTTPFailure) {
        let left = min(exchange.millisecondsLeft, Self.sliceMilliseconds)
        guard left > 0 else { throw HTTPFailure(text: "no answer in time") }
        do throws(TLSError) {
            _ = try connected.stream.wait(
                for: connected.stream.interest(reading: true, writing: isSending),
                milliseconds: Int32(left))
        } catch { throw HTTPFailure(text: "\(error)") }
    }
}
