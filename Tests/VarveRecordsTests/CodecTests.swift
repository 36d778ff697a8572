import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@Suite struct CodecTests {
    static let compressing = CompressionCodec.allCases.filter { $0 != .none && $0.isBuiltIn }

    @Test(arguments: compressing)
    func everySizeComesBack(_ codec: CompressionCodec) throws {
        var random = Generator("everySizeComesBack.\(codec)")
        for count in [1, 2, 100, 32_767, 32_768, 32_769, 65_536, 65_537, 300_000] {
            let noise = ByteSlice((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            #expect(try codec.decompress(codec.compress(noise), bytesMax: count) == noise)
            let zeros = ByteSlice(Array(repeating: 0, count: count))
            #expect(try codec.decompress(codec.compress(zeros), bytesMax: count) == zeros)
        }
    }

    @Test func aFrameWrittenPieceByPieceIsReadAsOne() throws {
        var random = Generator("aFrameWrittenPieceByPieceIsReadAsOne")
        for count in [0, 1, 65_536, 65_537, 700_000] {
            let text = ByteSlice((0..<count).map { _ in UInt8(random.below(4)) })
            let frame = try LZ4FrameWriter()
            var out = ByteWriter()
            try frame.begin(&out)
            var rest = text
            while !rest.isEmpty {
                let piece = rest[0..<min(rest.count, random.int(0...200_000))]
                let before = out.count
                try piece.withUnsafeBytes { (bytes) throws(RecordError) in
                    try frame.append(bytes, to: &out)
                }
                #expect(out.count - before <= frame.bytesMax(of: piece.count))
                rest = rest[piece.count..<rest.count]
            }
            try frame.end(&out)
            #expect(try CompressionCodec.lz4.decompress(out.finish(), bytesMax: count) == text)
        }
    }

    @Test(arguments: compressing)
    func decompressionStopsAtItsBound(_ codec: CompressionCodec) throws {
        let bomb = try codec.compress(ByteSlice(Array(repeating: 0, count: 1_000_000)))
        #expect(bomb.count < 100_000)
        for bytesMax in [0, 1, 4096, 999_999] {
            #expect(throws: RecordError.decompressedTooLarge(bytesMax: bytesMax)) {
                _ = try codec.decompress(bomb, bytesMax: bytesMax)
            }
        }
        #expect(try codec.decompress(bomb, bytesMax: 1_000_000).count == 1_000_000)
    }

    @Test(arguments: compressing)
    func framesOneAfterAnotherAreRead(_ codec: CompressionCodec) throws {
        // A snappy stream has one header; its blocks follow one another inside it.
        guard codec != .snappy else { return }
        var writer = ByteWriter()
        writer.bytes(try codec.compress("first, "))
        writer.bytes(try codec.compress("second"))
        #expect(try codec.decompress(writer.finish(), bytesMax: 100) == "first, second")
    }

    @Test(arguments: compressing)
    func noiseIsRefused(_ codec: CompressionCodec) throws {
        var random = Generator("noiseIsRefused.\(codec)")
        for _ in 0..<500 {
            let noise = ByteSlice((0..<random.below(200)).map { _ in UInt8(random.below(256)) })
            do throws(RecordError) {
                // Raw snappy has no magic: short noise can happen to be a valid block.
                let result = try codec.decompress(noise, bytesMax: 1 << 16)
                #expect(codec == .snappy, "\(noise.array) gave \(result.count) bytes")
            } catch {}
        }
    }

    @Test(arguments: compressing)
    func damagedInputNeverTraps(_ codec: CompressionCodec) throws {
        var random = Generator("damagedInputNeverTraps.\(codec)")
        let text = String(repeating: "event=4624 user=SYSTEM ", count: 200)
        let good = try codec.compress(ByteSlice(text)).array
        for _ in 0..<1000 {
            var bad = good
            bad[random.below(bad.count)] = UInt8(random.below(256))
            if random.below(3) == 0 { bad.removeLast(random.below(bad.count)) }
            do throws(RecordError) {
                let result = try codec.decompress(ByteSlice(bad), bytesMax: 1 << 16)
                #expect(result.count <= 1 << 16)
            } catch {}
        }
    }

    @Test func frameIsWrittenAsJavaWritesIt() throws {
        let frame = try CompressionCodec.lz4.compress(ByteSlice(Array(repeating: 1, count: 70_000)))
        // Magic; version 01, independent blocks, no checksums, no size; 64 KiB blocks.
        #expect(frame[0..<6].array == [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40])
    }

    @Test func zstdWithoutContentSizeIsRead() throws {
        guard CompressionCodec.zstd.isBuiltIn else { return }
        // One frame of python's zstandard 0.25 with write_content_size=False.
        let frame = ByteSlice(bytesOf(hex: Self.zstdStreamed))
        #expect(
            try CompressionCodec.zstd.decompress(frame, bytesMax: 64) == "varve varve varve varve")
    }

    private static let zstdStreamed = "28b52ffd0058650000307661727665200100994b11"

    @Test func namesAreKafkas() {
        for codec in CompressionCodec.allCases {
            #expect(CompressionCodec(name: codec.name) == codec)
        }
        #expect(CompressionCodec.allCases.map(\.name) == ["none", "gzip", "snappy", "lz4", "zstd"])
        #expect(CompressionCodec(name: "LZ4") == nil)
    }

    @Test func codecThatIsNotBuiltNamesItsTrait() {
        for (codec, trait) in [
            (CompressionCodec.gzip, "Gzip"), (.snappy, "Snappy"), (.zstd, "Zstd"),
        ] where !codec.isBuiltIn {
            #expect(throws: RecordError.codecNotBuilt(codec, trait: trait)) {
                _ = try codec.compress("x")
            }
            #expect(throws: RecordError.codecNotBuilt(codec, trait: trait)) {
                _ = try codec.decompress("x", bytesMax: 10)
            }
        }
        #expect(CompressionCodec.none.isBuiltIn && CompressionCodec.lz4.isBuiltIn)
    }
}
