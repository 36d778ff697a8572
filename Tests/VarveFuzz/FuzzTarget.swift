package import VarvePlatform

/// A reader of bytes that somebody else wrote: whatever they are, it returns or throws. What else
/// must hold of it is checked as well, and a breach traps, so that a fuzzer notices.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Requests, responses and the records of internal topics, in every version.
    case wire
    /// Record batches: headers, records, every codec.
    case batch
    /// Decompression alone, then back.
    case codec
    /// A partition's files at a start of the broker: recovery, reading, a second start.
    case log
    /// JSON texts, and the objects that transforms edit.
    case json
    /// Events on their way through the transforms into each sink's form.
    case event
    /// The answers of Elasticsearch to bulk requests, and lines of the archive.
    case answer
    /// Requests to the HTTP port.
    case http

    /// Feeds it `input`.
    package func run(_ input: ByteSlice) {
        switch self {
        case .wire: WireFuzz.run(input)
        case .batch: BatchFuzz.run(input)
        case .codec: BatchFuzz.runCodec(input)
        case .log: LogFuzz.run(input)
        case .json: TextFuzz.runJSON(input)
        case .event: EventFuzz.run(input)
        case .answer: EventFuzz.runAnswer(input)
        case .http: TextFuzz.runHTTP(input)
        }
    }

    /// Inputs that it reads to their end, to begin with.
    package var seeds: [ByteSlice] {
        switch self {
        case .wire: WireFuzz.seeds
        case .batch: BatchFuzz.seeds
        case .codec: BatchFuzz.codecSeeds
        case .log: LogFuzz.seeds
        case .json: TextFuzz.jsonSeeds
        case .event: EventFuzz.seeds
        case .answer: EventFuzz.answerSeeds
        case .http: TextFuzz.httpSeeds
        }
    }
}

/// A run of bytes and what comes before it.
struct FuzzInput {
    private let bytes: ByteSlice
    private var position = 0

    init(_ bytes: ByteSlice) { self.bytes = bytes }

    /// The next byte; 0 behind the end.
    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    /// One of `count` numbers, taken from two bytes.
    mutating func choice(of count: Int) -> Int {
        let high = Int(byte())
        return (high << 8 | Int(byte())) % count
    }

    var rest: ByteSlice { bytes[position..<bytes.count] }

    /// The input that makes `choice` of it, with `rest` behind.
    static func choosing(_ choice: Int, _ rest: ByteSlice) -> ByteSlice {
        ByteSlice([UInt8(choice >> 8), UInt8(choice & 255)] + rest.array)
    }
}
