import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

/// `compression.type`, from a producer to a consumer.
@Suite struct CompressionTests {
    private static let names = ["uncompressed", "gzip", "snappy", "lz4", "zstd"]
    private static func codec(_ name: String) -> CompressionCodec {
        name == "uncompressed" ? .none : CompressionCodec(name: name)!
    }

    @Test(arguments: names)
    func aTopicKeepsBatchesInTheCodecItNames(name: String) throws {
        let codec = Self.codec(name)
        guard codec.isBuiltIn else { return }
        let test = try TestBroker()
        try test.broker.createTopic("t", configuration: ["compression.type": name])
        let client = try test.client()
        var expected: [String] = []
        for given in CompressionCodec.allCases where given.isBuiltIn {
            let value = "\(given) " + String(repeating: "x", count: 400)
            let sent = try batch([value, "b"], codec: given)
            #expect(try client.ask(produce([("t", 0, sent)]), version: 9).errors == [.none])
            expected += [value, "b"]
        }
        _ = try test.broker.append(topic: "t", records: [.init("embedded")])
        let read = try client.ask(fetch([("t", 0, 0)]), version: 11).partitions[0]
        #expect(try values(read) == expected + ["embedded"])
        let batches = RecordBatch.batches(in: read.records ?? ByteSlice())
        #expect(batches.allSatisfy { $0.header.attributes.codec == codec })
    }

    @Test func theBrokersSettingIsTheTopicsDefault() throws {
        let test = try TestBroker(settings: ["compression.type": "lz4"])
        try test.broker.createTopic("t")
        try test.broker.createTopic("as-it-came", configuration: ["compression.type": "producer"])
        let client = try test.client()
        let sent = try batch([String(repeating: "x", count: 400)])
        _ = try client.ask(produce([("t", 0, sent), ("as-it-came", 0, sent)]), version: 9)
        let read = try client.ask(fetch([("t", 0, 0), ("as-it-came", 0, 0)]), version: 11)
        let codecs = read.partitions.map {
            RecordBatch.batches(in: $0.records ?? ByteSlice())[0].header.attributes.codec
        }
        #expect(codecs == [.lz4, CompressionCodec.none])
    }

    @Test func anIdempotentProducersRetryIsStillOne() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t", configuration: ["compression.type": "lz4"])
        let client = try test.client()
        let sent = try batch(["a", "b"], producerID: 5, epoch: 0, sequence: 0)
        for _ in 0..<2 {
            let outcome = try client.ask(produce([("t", 0, sent)]), version: 9).outcomes[0]
            #expect(outcome.errorCode == .none && outcome.baseOffset == 0)
        }
        #expect(try test.broker.endOffset(topic: "t") == 2)
    }

    @Test func damagedBatchesAreRefusedBeforeTheyAreRecompressed() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t", configuration: ["compression.type": "lz4"])
        let client = try test.client()
        var damaged = try batch([String(repeating: "x", count: 100)]).array
        damaged[damaged.count - 20] ^= 1
        let outcome = try client.ask(
            produce([("t", 0, ByteSlice(damaged))]), version: 9
        ).outcomes[0]
        #expect(outcome.errorCode == .corruptMessage)
        #expect(try test.broker.endOffset(topic: "t") == 0)
    }

    /// A batch that is whole, with its checksum right, and that no consumer could read.
    @Test func whatDoesNotDecompressIsRefusedUnlessToldOtherwise() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        func sealed(_ change: (inout [UInt8]) -> Void) throws -> ByteSlice {
            var bytes = try batch([String(repeating: "x", count: 400)], codec: .lz4).array
            change(&bytes)
            return try ByteSlice(filling: bytes.count) { buffer in
                buffer.copyBytes(from: bytes)
                var header = try RecordBatchHeader(parsing: UnsafeRawBufferPointer(buffer))
                header.seal(buffer)
                return bytes.count
            }
        }
        func code(_ bytes: ByteSlice) throws -> ErrorCode {
            try client.ask(produce([("t", 0, bytes)]), version: 9).errors[0]
        }
        let poison = try sealed { $0[RecordBatchHeader.byteCount] ^= 0xFF }
        #expect(try code(poison) == .invalidRecord)
        // One record more than there are.
        let short = try sealed {
            $0[26] = 1
            $0[60] = 2
        }
        #expect(try code(short) == .invalidRecord)
        #expect(try code(try sealed { _ in }) == .none)
        #expect(try test.broker.endOffset(topic: "t") == 1)
        let trusting = try TestBroker(settings: ["varve.produce.check.compressed": "false"])
        try trusting.broker.createTopic("t")
        #expect(
            try trusting.client().ask(produce([("t", 0, poison)]), version: 9).errors == [.none])
    }

    @Test func aCompressedBatchDamagedOnTheWayIsWorthSendingAgain() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        var damaged = try batch([String(repeating: "x", count: 400)], codec: .lz4).array
        damaged[damaged.count - 3] ^= 1
        let outcome = try test.client().ask(
            produce([("t", 0, ByteSlice(damaged))]), version: 9
        ).outcomes[0]
        #expect(outcome.errorCode == .corruptMessage)
    }

    @Test func anUnknownCodecIsRefusedByName() throws {
        let test = try TestBroker()
        #expect(throws: BrokerError.self) {
            try test.broker.createTopic("t", configuration: ["compression.type": "brotli"])
        }
    }
}
