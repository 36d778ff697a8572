import Testing
import VarvePlatform
import VarveSimulation

@Suite struct BytesTests {
    @Test func numbersComeBackAsTheyWereWritten() throws {
        var writer = ByteWriter(capacity: 1)
        writer.int8(-1)
        writer.int16(-2)
        writer.int32(.min)
        writer.int64(.max)
        writer.uint32(0xDEAD_BEEF)
        writer.float64(-0.5)
        writer.utf8("ünï")
        var reader = ByteReader(writer.finish())
        #expect(try reader.int8() == -1)
        #expect(try reader.int16() == -2)
        #expect(try reader.int32() == .min)
        #expect(try reader.int64() == .max)
        #expect(try reader.uint32() == 0xDEAD_BEEF)
        #expect(try reader.float64() == -0.5)
        #expect(try reader.slice(5).string == "ünï")
        #expect(reader.isAtEnd)
    }

    static let varlongs: [(Int64, [UInt8])] = [
        (0, [0]), (-1, [1]), (1, [2]), (63, [0x7E]), (64, [0x80, 0x01]), (-65, [0x81, 0x01]),
        (.max, [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        (.min, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
    ]

    @Test(arguments: varlongs)
    func varlongsHaveTheBytesOfProtocolBuffers(value: Int64, expected: [UInt8]) throws {
        var writer = ByteWriter()
        writer.varlong(value)
        let bytes = writer.finish()
        #expect(bytes.array == expected)
        var reader = ByteReader(bytes)
        #expect(try reader.varlong() == value)
    }

    @Test func everyVarintBoundaryRoundTripsAndItsSizeIsKnown() throws {
        for bits in 0..<32 {
            for value in [UInt32(1) << bits, (UInt32(1) << bits) &- 1, UInt32.max >> bits] {
                var writer = ByteWriter()
                writer.unsignedVarint(value)
                let bytes = writer.finish()
                #expect(bytes.count == ByteWriter.varintSize(UInt64(value)))
                var reader = ByteReader(bytes)
                #expect(try reader.unsignedVarint() == value)
                writer.varint(Int32(bitPattern: value))
                var back = ByteReader(writer.finish())
                #expect(try back.varint() == Int32(bitPattern: value))
            }
        }
    }

    @Test func readingPastTheEndIsAnErrorThatSaysWhere() {
        var reader = ByteReader(ByteSlice([1, 2, 3]))
        #expect(throws: ByteReadError.endOfBytes(position: 0, needed: 4, available: 3)) {
            try reader.int32()
        }
        #expect(throws: ByteReadError.badLength(position: 0, length: -1)) { try reader.slice(-1) }
        #expect(reader.position == 0)
        #expect(throws: ByteReadError.endOfBytes(position: 3, needed: 1, available: 0)) {
            try reader.skip(3)
            try reader.skip(1)
        }
    }

    @Test func overlongVarintsAreRefused() {
        var long = ByteReader(ByteSlice([UInt8](repeating: 0x80, count: 5) + [0]))
        #expect(throws: ByteReadError.varintTooLong(position: 0)) { try long.unsignedVarint() }
        var wide = ByteReader(ByteSlice([0xFF, 0xFF, 0xFF, 0xFF, 0x7F]))
        #expect(throws: ByteReadError.self) { try wide.unsignedVarint() }
        var ten = ByteReader(ByteSlice([UInt8](repeating: 0xFF, count: 9) + [0x02]))
        #expect(throws: ByteReadError.varintTooLong(position: 0)) { try ten.varlong() }
    }

    @Test func slicesShareMemoryAndCompareByContent() {
        let whole = ByteSlice("hello world")
        let world = whole[6...]
        #expect(world == "world")
        #expect(world.hashValue == ByteSlice("world").hashValue)
        #expect(world[1..<3].string == "or")
        #expect(world[0] == UInt8(ascii: "w"))
        #expect(world.detached() == world)
        #expect(ByteSlice() == whole[4..<4])
        #expect(ByteSlice([0xFF]).validString == nil)
        #expect(ByteSlice("é").validString == "é")
    }

    @Test func patchAndCutChangeOnlyWhatTheyName() {
        var writer = ByteWriter()
        writer.int32(0)
        writer.utf8("abcdef")
        writer.cut(to: 8)
        writer.patchInt32(4, at: 0)
        #expect(writer.finish().array == [0, 0, 0, 4] + Array("abcd".utf8))
        #expect(writer.count == 0)
    }

    @Test func checksumMatchesPublishedVectorsAndThePortableOne() {
        // RFC 3720, appendix B.4; the last is the check value of the CRC catalogue.
        let vectors: [([UInt8], UInt32)] = [
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Array(0..<32), 0x46DD_794E),
            (Array("123456789".utf8), 0xE306_9283),
        ]
        for (bytes, expected) in vectors {
            #expect(bytes.withUnsafeBytes { CRC32C.checksum($0) } == expected)
            #expect(bytes.withUnsafeBytes { CRC32C.portableChecksum($0) } == expected)
        }
        // Longer than the lanes that are computed side by side.
        let long = (0..<40_013).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        for start in 0..<17 {
            long.withUnsafeBytes {
                let part = UnsafeRawBufferPointer(rebasing: $0[start..<40_013 - start * 1031])
                #expect(CRC32C.checksum(part) == CRC32C.portableChecksum(part))
                let cut = part.count / 3
                let seed = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: part[..<cut]))
                let rest = UnsafeRawBufferPointer(rebasing: part[cut...])
                #expect(CRC32C.checksum(rest, seed: seed) == CRC32C.checksum(part))
                #expect(
                    CRC32C.difference(CRC32C.checksum(part), seed, byteCount: rest.count)
                        == CRC32C.checksum(rest))
            }
        }
    }

    @Test func idsAreKafkasTwentyTwoCharacters() {
        for _ in 0..<200 {
            let id = UniqueID.random()
            #expect(id.description.utf8.count == 22)
            #expect(UniqueID(id.description) == id)
        }
        #expect(UniqueID.zero.description == "AAAAAAAAAAAAAAAAAAAAAA")
        // Python: base64.urlsafe_b64encode(bytes(range(1, 17))).rstrip(b"=")
        let counting = UniqueID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10)
        #expect(counting.description == "AQIDBAUGBwgJCgsMDQ4PEA")
        #expect(UniqueID("short") == nil)
        #expect(UniqueID("AAAAAAAAAAAAAAAAAAAAA!") == nil)
    }

    @Test func decimalsAreWhatStringsSay() {
        var random = Generator("decimalsAreWhatStringsSay")
        var numbers: [Int64] = [0, 9, 10, -1, .max, .min]
        for _ in 0..<1000 {
            numbers.append(Int64(bitPattern: random.next()) >> Int64(random.below(64)))
        }
        for number in numbers {
            var out = ByteWriter(capacity: 16)
            out.decimal(number)
            #expect(out.finish() == ByteSlice(String(number)))
        }
    }
}
