internal import VarvePlatform

/// Reads one HTTP/1.1 answer off the bytes as they come, in whatever pieces (RFC 9112).
///
/// Interim answers (1xx) are passed over. Each line, the head as a whole and the body have a
/// bound (I8).
package struct HTTPAnswerReader {
    private enum Part {
        case status, header
        case body(left: Int)
        case bodyUntilEnd
        case chunkSize
        case chunk(left: Int)
        case chunkEnd, trailer
        case done
    }

    /// The longest line, and the longest head and trailer together.
    private static let lineBytesMax = 16 << 10
    private static let headBytesMax = 64 << 10

    private let bodyBytesMax: Int
    private var part = Part.status
    private var line: [UInt8] = []
    private var headBytes = 0
    private var body = ByteWriter(capacity: 1024)
    private var length: Int?
    private var isChunked = false
    package private(set) var status = 0
    /// Whether the server keeps the connection for another request, as far as it said.
    package private(set) var keepsConnection = false
    /// Bytes have come: the server has the request, or a part of it.
    package private(set) var hasBegun = false

    package init(bodyBytesMax: Int) { self.bodyBytesMax = bodyBytesMax }

    package var isComplete: Bool { if case .done = part { true } else { false } }

    /// The answer; call it once, when it is complete.
    package mutating func finish() -> HTTPAnswer { HTTPAnswer(status: status, body: body.finish()) }

    /// Takes the next bytes. What comes after the answer's end is nobody's: such a connection is
    /// not used again.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) throws(HTTPFailure) {
        hasBegun = hasBegun || !bytes.isEmpty
        var rest = bytes[...]
        while !rest.isEmpty {
            switch part {
            case .body(let left), .chunk(let left):
                let piece = rest.prefix(left)
                try append(UnsafeRawBufferPointer(rebasing: piece))
                rest = rest.dropFirst(piece.count)
                advance(left: left - piece.count)
            case .bodyUntilEnd:
                try append(UnsafeRawBufferPointer(rebasing: rest))
                return
            case .status, .header, .chunkSize, .chunkEnd, .trailer:
                let end = rest.firstIndex(of: 0x0A)
                line += rest[..<(end ?? rest.endIndex)]
                guard line.count <= Self.lineBytesMax else { throw Self.notHTTP }
                guard let end else { return }
                rest = rest[(end + 1)...]
                if line.last == 0x0D { line.removeLast() }
                let text = String(decoding: line, as: UTF8.self)
                line.removeAll(keepingCapacity: true)
                try take(line: text)
            case .done:
                keepsConnection = false
                return
            }
        }
    }

    /// The server has ended the connection.
    package mutating func end() throws(HTTPFailure) {
        keepsConnection = false
        switch part {
        case .done: break
        case .bodyUntilEnd: part = .done
        default: throw HTTPFailure(text: "the server ended the connection before its answer did")
        }
    }

    private static let notHTTP = HTTPFailure(text: "an answer that is not HTTP")

    private mutating func append(_ bytes: UnsafeRawBufferPointer) throws(HTTPFailure) {
        guard body.count + bytes.count <= bodyBytesMax else { throw tooLarge }
        body.bytes(bytes)
    }

    private var tooLarge: HTTPFailure {
        HTTPFailure(text: "an answer of more than \(bodyBytesMax) bytes")
    }

    private mutating func advance(left: Int) {
        switch part {
        case .body: part = left == 0 ? .done : .body(left: left)
        case .chunk: part = left == 0 ? .chunkEnd : .chunk(left: left)
        default: preconditionFailure("no counted part")
        }
    }

    private mutating func take(line: String) throws(HTTPFailure) {
        switch part {
        case .status: try takeStatus(line)
        case .header:
            try count(line)
            if line.isEmpty { try endHead() } else { try takeHeader(line) }
        case .chunkSize:
            // Extensions may follow behind a semicolon; nobody sends any.
            let digits = line.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
            guard !digits.isEmpty, digits.count <= 15, digits.allSatisfy(\.isHexDigit),
                let size = Int(digits, radix: 16)
            else { throw Self.notHTTP }
            guard body.count + size <= bodyBytesMax else { throw tooLarge }
            part = size == 0 ? .trailer : .chunk(left: size)
        case .chunkEnd:
            guard line.isEmpty else { throw Self.notHTTP }
            part = .chunkSize
        case .trailer:
            try count(line)
            if line.isEmpty { part = .done }
        case .body, .bodyUntilEnd, .chunk, .done: preconditionFailure("no line here")
        }
    }

    private mutating func count(_ line: String) throws(HTTPFailure) {
        headBytes += line.utf8.count + 2
        guard headBytes <= Self.headBytesMax else { throw Self.notHTTP }
    }

    /// `HTTP/1.1 200 OK`; the reason may be missing.
    private mutating func takeStatus(_ line: String) throws(HTTPFailure) {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3,
            let status = Int(words[1]), (100...599).contains(status)
        else { throw Self.notHTTP }
        self.status = status
        keepsConnection = words[0] != "HTTP/1.0"
        part = .header
    }

    private mutating func takeHeader(_ line: String) throws(HTTPFailure) {
        guard let colon = line.firstIndex(of: ":") else { throw Self.notHTTP }
        let value = line[line.index(after: colon)...].lowercased()
            .split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "," })
        switch line[..<colon].lowercased() {
        case "content-length":
            guard let first = value.first, value.allSatisfy({ $0 == first }),
                first.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(first),
                length == nil || length == count
            else { throw Self.notHTTP }
            length = count
        case "transfer-encoding": isChunked = value.last == "chunked"
        case "connection":
            if value.contains("close") { keepsConnection = false }
            if value.contains("keep-alive") { keepsConnection = true }
        default: break
        }
    }

    /// What follows the head (RFC 9112 section 6.3).
    private mutating func endHead() throws(HTTPFailure) {
        if status < 200 {
            // An interim answer: the real one comes.
            part = .status
            (length, isChunked) = (nil, false)
        } else if status == 204 || status == 304 {
            part = .done
        } else if isChunked {
            part = .chunkSize
        } else if let length {
            guard length <= bodyBytesMax else { throw tooLarge }
            part = length == 0 ? .done : .body(left: length)
        } else {
            keepsConnection = false
            part = .bodyUntilEnd
        }
    }
}
