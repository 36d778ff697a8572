import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Whatever the bytes are: an error or records, never a trap and never unbounded memory (I8).
@Suite struct MalformedBatchTests {
    @Test(arguments: CapturedBatch.all)
    func everyChangedByteIsFoundByTheChecksum(_ captured: CapturedBatch) {
        let good = captured.bytes.array
        for position in RecordBatchHeader.checkedFrom..<good.count {
            var bad = good
            bad[position] ^= 0x40
            #expect(throws: RecordError.self) {
                _ = try bad.withUnsafeBytes { try RecordBatchHeader.verified($0) }
            }
        }
    }

    @Test(arguments: CapturedBatch.all)
    func mutatedBatchesNeverTrap(_ captured: CapturedBatch) {
        var random = Generator("mutatedBatchesNeverTrap.\(captured)")
        let good = captured.bytes.array
        var refused = 0
        for _ in 0..<500 {
            var bad = good
            for _ in 0...random.below(4) {
                let position = random.below(bad.count)
                switch random.below(4) {
                case 0: bad[position] = UInt8(random.below(256))
                case 1: bad[position] = 0xFF
                case 2: bad.remove(at: position)
                default: bad.insert(UInt8(random.below(256)), at: position)
                }
            }
            do throws(RecordError) {
                _ = try RecordBatch.records(in: ByteSlice(bad), decompressedBytesMax: 1 << 20)
            } catch {
                refused += 1
            }
            _ = RecordBatch.split(ByteSlice(bad)).batches.map(\.header.nextOffset)
        }
        #expect(refused > 0)
    }

    @Test(arguments: CapturedBatch.all)
    func everyTruncationIsRefused(_ captured: CapturedBatch) {
        guard captured.codec.isBuiltIn else { return }
        let payload = captured.bytes[RecordBatchHeader.byteCount...]
        for count in 0..<payload.count {
            // Cut inside the batch, with a header that claims the shorter length.
            var bytes = captured.bytes[0..<RecordBatchHeader.byteCount + count].array
            let length = Int32(bytes.count - RecordBatchHeader.prefixByteCount)
            withUnsafeBytes(of: length.bigEndian) { bytes.replaceSubrange(8..<12, with: $0) }
            #expect(throws: RecordError.self, "\(count) of \(payload.count) bytes") {
                _ = try RecordBatch.records(in: ByteSlice(bytes))
            }
            #expect(throws: RecordError.self) {
                _ = try RecordBatch.records(in: captured.bytes[0..<61 + count])
            }
        }
    }

    @Test func recordCountThatLiesCostsNoMemory() {
        var bytes = CapturedBatch.all[0].bytes.array
        bytes.replaceSubrange(57..<61, with: [0x7F, 0xFF, 0xFF, 0xFF])
        #expect(throws: RecordError.inconsistent("2147483647 records in 314 bytes")) {
            _ = try RecordBatch.records(in: ByteSlice(bytes))
        }
        bytes.replaceSubrange(57..<61, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: RecordError.inconsistent("negative record count")) {
            _ = try RecordBatch.records(in: ByteSlice(bytes))
        }
        bytes.replaceSubrange(57..<61, with: [0, 0, 0, 4])
        #expect(throws: RecordError.self) { _ = try RecordBatch.records(in: ByteSlice(bytes)) }
    }

    /// The broker takes compressed batches as they are, so the offsets inside may be anything.
    @Test func compactionRefusesOffsetsThatDoNotGrow() throws {
        var builder = RecordBatchBuilder()
        builder.append(timestamp: 0, key: "k", value: "first")
        builder.append(timestamp: 0, key: "k", value: "second")
        var bytes = try builder.finish().array
        // Behind length, attributes and time delta of the second record.
        let second = RecordBatchHeader.byteCount + 1 + Int(bytes[RecordBatchHeader.byteCount] >> 1)
        bytes[second + 3] = 0
        let batch = ByteSlice(bytes)
        let header = try bytes.withUnsafeBytes { try RecordBatchHeader(parsing: $0) }
        let records = try RecordBatch.records(in: batch)
        #expect(records.map(\.offset) == [0, 0])
        #expect(throws: RecordError.inconsistent("offset delta 0 is out of its order")) {
            try RecordBatch.compacted(header, keeping: records, deleteHorizon: nil)
        }
    }

    @Test func unknownCodecAndOldMagicAreNamed() {
        var bytes = CapturedBatch.all[0].bytes.array
        bytes[22] = 5
        #expect(throws: RecordError.unknownCodec(5)) {
            _ = try RecordBatch.records(in: ByteSlice(bytes))
        }
        bytes[16] = 1
        #expect(throws: RecordError.badMagic(1)) {
            _ = try RecordBatch.records(in: ByteSlice(bytes))
        }
    }

    @Test func extremeHeaderNumbersWrap() throws {
        var bytes = CapturedBatch.all[0].bytes.array
        bytes.replaceSubrange(0..<8, with: [0x7F] + Array(repeating: 0xFF, count: 7))
        bytes.replaceSubrange(27..<35, with: [0x7F] + Array(repeating: 0xFF, count: 7))
        let records = try RecordBatch.records(in: ByteSlice(bytes))
        #expect(records[0].offset == .max && records[1].offset == .min)
    }
}
