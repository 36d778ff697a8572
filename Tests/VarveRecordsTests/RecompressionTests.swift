import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveRecords

@Suite struct RecompressionTests {
    private func batch(_ codec: CompressionCodec) throws -> ByteSlice {
        var builder = RecordBatchBuilder(
            codec: codec, attributes: BatchAttributes(isTransactional: true))
        for index in 0..<50 {
            builder.append(
                timestamp: 1_700_000_000_000 + Int64(index * 7 % 10),
                key: index % 3 == 0 ? nil : ByteSlice("key \(index)"),
                value: index % 5 == 0 ? nil : ByteSlice(String(repeating: "value ", count: 20)),
                headers: [RecordHeader(name: ByteSlice("h"), value: ByteSlice("\(index)"))])
        }
        return try builder.finish(
            baseOffset: 7, producerID: 42, producerEpoch: 3, baseSequence: 2_147_483_600)
    }

    @Test(arguments: CompressionCodec.allCases)
    func everyCodecGoesIntoEveryOther(given: CompressionCodec) throws {
        guard given.isBuiltIn else { return }
        let original = try batch(given)
        for codec in CompressionCodec.allCases where codec.isBuiltIn {
            let bytes = try RecordBatch.recompressed(original, with: codec)
            let header = try bytes.withUnsafeBytes { try RecordBatchHeader.verified($0) }
            #expect(header.attributes.codec == codec)
            #expect(header.totalByteCount == bytes.count)
            #expect(try RecordBatch.records(in: bytes) == RecordBatch.records(in: original))
            // All but the codec, the length and the checksum is as it was.
            var same = try original.withUnsafeBytes { try RecordBatchHeader.verified($0) }
            same.attributes = header.attributes
            same.batchLength = header.batchLength
            same.checksum = header.checksum
            #expect(header == same)
        }
    }

    @Test(arguments: [
        (CompressionCodec.gzip, Int32(1), Int32(9)), (.lz4, 9, 12), (.zstd, -100_000, 19),
    ])
    func aHigherLevelMakesItSmaller(codec: CompressionCodec, fast: Int32, small: Int32) throws {
        guard codec.isBuiltIn else { return }
        let original = try batch(.none)
        let large = try RecordBatch.recompressed(original, with: codec, level: fast)
        let little = try RecordBatch.recompressed(original, with: codec, level: small)
        #expect(little.count < large.count)
        for bytes in [large, little] {
            #expect(try RecordBatch.records(in: bytes) == RecordBatch.records(in: original))
        }
    }

    @Test func aBatchInItsCodecIsLeftAsItIs() throws {
        let original = try batch(.lz4)
        let same = try RecordBatch.recompressed(original, with: .lz4)
        #expect(
            original.withUnsafeBytes { $0.baseAddress } == same.withUnsafeBytes { $0.baseAddress })
    }

    /// A checksum made anew over damaged bytes would hide the damage (I2).
    @Test func everyFlippedBitIsFound() throws {
        let original = try batch(.none).array
        for position in RecordBatchHeader.checkedFrom..<original.count {
            var damaged = original
            damaged[position] ^= 1 << UInt8(position % 8)
            #expect(throws: RecordError.self, "byte \(position)") {
                try RecordBatch.recompressed(ByteSlice(damaged), with: .lz4)
            }
        }
    }

    @Test func whatDecompressesToTooMuchIsRefused() throws {
        var builder = RecordBatchBuilder(codec: .lz4)
        builder.append(
            timestamp: 0, key: nil, value: ByteSlice(String(repeating: "x", count: 100_000)))
        let small = try builder.finish()
        #expect(small.count < 5000)
        #expect(throws: RecordError.decompressedTooLarge(bytesMax: 50_000)) {
            try RecordBatch.recompressed(small, with: .none, decompressedBytesMax: 50_000)
        }
    }
}
