import Testing
internal import VarveMessages
internal import VarvePlatform
internal import VarveSimulation
internal import VarveWire

/// Whatever the bytes are, a decoder returns or throws, and asks for little memory (I8).
@Suite struct MalformedTests {
    @Test func randomBytesNeverTrap() throws {
        var random = Generator("randomBytesNeverTrap")
        for entry in MessageCatalog.entries {
            for _ in 0..<60 {
                let count = random.below(200)
                // Small numbers are likely counts, so half of the bytes are small.
                let bytes = ByteSlice(
                    (0..<count).map { _ in
                        random.below(2) == 0
                            ? UInt8(random.below(4)) : UInt8(truncatingIfNeeded: random.next())
                    })
                _ = try? entry.decode(bytes)
            }
        }
    }

    @Test func mutatedMessagesNeverTrap() throws {
        var random = Generator("mutatedMessagesNeverTrap")
        var refused = 0
        for entry in MessageCatalog.entries {
            for _ in 0..<5 {
                let good = try entry.encode(try entry.random(&random)).array
                for _ in 0..<12 where !good.isEmpty {
                    var bad = good
                    for _ in 0...random.below(3) {
                        let at = random.below(bad.count)
                        switch random.below(4) {
                        case 0: bad[at] ^= 1 << UInt8(random.below(8))
                        case 1: bad[at] = random.below(2) == 0 ? 0xFF : 0x7F
                        case 2: bad.remove(at: at)
                        default: bad.insert(UInt8(truncatingIfNeeded: random.next()), at: at)
                        }
                        if bad.isEmpty { break }
                    }
                    do {
                        _ = try entry.decode(ByteSlice(bad))
                    } catch {
                        refused += 1
                    }
                }
            }
        }
        #expect(refused > 100)
    }

    @Test func everyCutOfAMessageIsRefused() throws {
        var random = Generator("everyCutOfAMessageIsRefused")
        for entry in MessageCatalog.entries {
            let good = try entry.encode(try entry.random(&random))
            // A subscription may end after the fields of version 0.
            if entry.name == "ConsumerSubscription" { continue }
            for count in 0..<min(good.count, 150) {
                #expect(throws: WireError.self, "\(entry.name) v\(entry.version) cut to \(count)") {
                    try entry.decode(good[0..<count])
                }
            }
        }
    }

    @Test(arguments: [Int32(-2), 2_147_483_647, -2_147_483_648, 1_000_000])
    func absurdArrayCountsAreRefused(count: Int32) throws {
        var writer = ByteWriter()
        writer.int32(count)
        writer.int32(0)
        var decoder = WireDecoder(writer.finish(), version: 1, isFlexible: false)
        var request = MetadataRequest()
        #expect(throws: WireError.self) { try request.decode(&decoder) }
    }

    @Test func absurdCompactCountsAreRefused() throws {
        for text in ["ffffffff0f", "ffffffff07", "8080808010", "ffffffffff01", "80808080808001"] {
            let bytes = try #require(ByteSlice(hex: text))
            var decoder = WireDecoder(bytes, version: 9, isFlexible: true)
            var request = MetadataRequest()
            #expect(throws: WireError.self) { try request.decode(&decoder) }
        }
    }

    @Test func anArrayTakesNoMoreMemoryThanTheDecoderMay() throws {
        // Empty names: one byte each on the wire, a whole struct each in memory.
        let count = 20_000
        var writer = ByteWriter()
        writer.unsignedVarint(UInt32(count + 1))
        for _ in 0..<count * 2 { writer.uint8(1) }
        var decoder = WireDecoder(
            writer.finish(), version: 9, isFlexible: true, structureBytesMax: 100_000)
        var request = MetadataRequest()
        #expect(throws: WireError.structureTooLarge(bytesMax: 100_000)) {
            try request.decode(&decoder)
        }
    }

    @Test func nestedArraysShareOneAllowance() throws {
        let topic = ProduceRequest.Topic {
            $0.partitionData = Array(repeating: ProduceRequest.Partition(), count: 100)
        }
        let request = ProduceRequest { $0.topicData = Array(repeating: topic, count: 100) }
        var encoder = WireEncoder(version: 3, isFlexible: false)
        var copy = request
        try copy.encode(&encoder)
        let bytes = encoder.finish()
        let needed = 100 * MemoryLayout<ProduceRequest.Topic>.stride
            + 10_000 * MemoryLayout<ProduceRequest.Partition>.stride
        for (limit, isEnough) in [(needed, true), (needed - 1, false)] {
            var decoder = WireDecoder(
                bytes, version: 3, isFlexible: false, structureBytesMax: limit)
            var received = ProduceRequest()
            if isEnough {
                try received.decode(&decoder)
                #expect(received == request)
            } else {
                #expect(throws: WireError.self) { try received.decode(&decoder) }
            }
        }
    }

    @Test func tagsMustAscend() throws {
        for text in ["0205000500", "0205000400"] {
            let bytes = try #require(ByteSlice(hex: text))
            var decoder = WireDecoder(bytes, version: 4, isFlexible: true)
            #expect(throws: WireError.badTag(position: 3, tag: UInt32(bytes[3]))) {
                try decoder.tags()
            }
        }
    }

    @Test func aTaggedValueMustEndWhereItsSizeSays() throws {
        // Tag 1 of an ApiVersions response is an int64; here it is said to have nine bytes.
        let bytes = try #require(
            ByteSlice(hex: "0000" + "01" + "00000000" + "010109" + "000000000000000000"))
        var decoder = WireDecoder(bytes, version: 3, isFlexible: true)
        var response = ApiVersionsResponse()
        #expect(throws: WireError.badTag(position: 18, tag: 1)) { try response.decode(&decoder) }
    }

    @Test func aNullNameIsRefusedWhereTheVersionHasNone() throws {
        // Heartbeat v0 with a null group id.
        let bytes = try #require(ByteSlice(hex: "ffff" + "00000001" + "0000"))
        var decoder = WireDecoder(bytes, version: 0, isFlexible: false)
        var request = HeartbeatRequest()
        #expect(throws: WireError.unexpectedNull(position: 0)) { try request.decode(&decoder) }
    }

    @Test func aStringTooLongForAnOldVersionIsNotShortened() throws {
        let request = HeartbeatRequest { $0.groupId = String(repeating: "g", count: 32_768) }
        #expect(throws: WireError.valueTooLong(bytes: 32_768, bytesMax: 32_767)) {
            try encodeRequest(request, version: 3, correlationId: 0, clientId: nil)
        }
        let frame = try encodeRequest(request, version: 4, correlationId: 0, clientId: nil)
        let (header, position) = try RequestHeader.decode(frame[4..<frame.count])
        #expect(
            try decodeRequest(
                HeartbeatRequest.self, header: header, frame: frame[4..<frame.count], at: position)
                == request)
    }

    @Test func versionsOutsideTheRangeAreRefused() throws {
        #expect(throws: WireError.unsupportedVersion(.produce, version: 2)) {
            try encodeRequest(ProduceRequest(), version: 2, correlationId: 0, clientId: nil)
        }
        let header = RequestHeader(apiKey: 1, apiVersion: 99, correlationId: 1, clientId: nil)
        #expect(throws: WireError.unsupportedVersion(.fetch, version: 99)) {
            try decodeRequest(FetchRequest.self, header: header, frame: ByteSlice(), at: 0)
        }
    }
}
