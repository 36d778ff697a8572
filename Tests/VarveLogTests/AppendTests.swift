import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// What may get into the log, and how it stands there.
@Suite struct AppendTests {
    /// A batch with some bytes changed and its checksum made right again.
    private func forged(_ change: (UnsafeMutableRawBufferPointer) -> Void) -> ByteSlice {
        let good = Batches.batch([[1], [2], [3]])
        return ByteSlice(filling: good.count) { buffer in
            good.withUnsafeBytes { buffer.copyMemory(from: $0) }
            change(buffer)
            let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[21...]))
            buffer.storeBytes(of: checksum.bigEndian, toByteOffset: 17, as: UInt32.self)
            return good.count
        }
    }

    @Test func aSegmentIsByteForByteKafkas() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        _ = try fixture.log.append(
            Batches.batch([Array("one".utf8)], timestamp: 1_600_000_000_000), now: fixture.now)
        _ = try fixture.log.append(
            Batches.batch([Array("two".utf8)], timestamp: 1_600_000_000_001, key: "k"),
            now: fixture.now)
        // Written down by hand after the protocol guide; the checksum from a bit-by-bit CRC-32C.
        let golden =
            "0000000000000000" + "0000003b" + "00000000" + "02" + "81e9a966" + "0000" + "00000000"
            + "00000174876e8000" + "00000174876e8000" + "ffffffffffffffff" + "ffff" + "ffffffff"
            + "00000001" + "12" + "00" + "00" + "00" + "01" + "06" + "6f6e65" + "00"
        let found = fixture.disk.contents(fixture.path(0, "log"))!
        func hex(_ bytes: some Collection<UInt8>) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        #expect(hex(found[..<71]) == golden)
        #expect(hex(found[71..<79]) == "0000000000000001", "the second batch's base offset")
    }

    @Test func forgedBatchesAreRefused() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        let now = fixture.now
        func refused(_ batch: ByteSlice, _ what: String) {
            do {
                _ = try log.append(batch, now: now)
                Issue.record("\(what) was taken")
            } catch LogError.invalidRecord {
            } catch LogError.badBatch {
            } catch LogError.invalidTimestamp {
            } catch {
                Issue.record("\(what): \(error)")
            }
        }
        let good = Batches.batch([[1], [2], [3]])
        refused(ByteSlice(), "nothing")
        for count in [1, 12, 60, 61, good.count - 1] { refused(good[0..<count], "\(count) bytes") }
        refused(ByteSlice(good.array + good.array), "two batches")
        refused(ByteSlice(good.array + [0]), "a byte too many")
        var flipped = good.array
        flipped[65] ^= 1
        refused(ByteSlice(flipped), "a wrong checksum")
        refused(forged { $0[7] = 1 }, "a base offset")
        refused(forged { $0[16] = 1 }, "magic 1")
        refused(forged { $0[22] |= 5 }, "codec 5")
        refused(forged { $0[22] |= 8 }, "append time")
        refused(forged { $0[22] |= 16 }, "transactional without a producer")
        refused(forged { $0[22] |= 32 }, "control")
        refused(forged { $0[22] |= 64 }, "delete horizon")
        refused(forged { $0[26] = 3 }, "last offset delta")
        refused(forged { $0[60] = 0 }, "no records")
        refused(forged { $0[23] = 0x80 }, "negative delta")
        refused(forged { $0[61] = 0x7E }, "a record longer than the batch")
        refused(forged { $0[61] = 0x01 }, "a negative record length")
        refused(forged { $0[64] = 4 }, "a wrong offset delta")
        refused(forged { $0[65] = 0x7F }, "a key beyond the record")
        refused(forged { $0[50] = 1; $0[43] = 0 }, "a producer without sequence")
        #expect(log.endOffset == 0)
        _ = try log.append(good, now: now)
    }

    @Test func limitsOfTheTopicHold() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition([
            "max.message.bytes": "2000", "segment.bytes": "1500",
            "message.timestamp.before.max.ms": "1000",
        ])
        let large = Batches.batch([[UInt8](repeating: 0, count: 2000)])
        #expect(throws: LogError.batchTooLarge(bytes: large.count, bytesMax: 2000)) {
            try log.append(large, now: fixture.now)
        }
        let middle = Batches.batch([[UInt8](repeating: 0, count: 1600)])
        #expect(throws: LogError.segmentTooSmall(bytes: middle.count, segmentBytes: 1500)) {
            try log.append(middle, now: fixture.now)
        }
        for time in [fixture.now + 3_600_001, fixture.now - 1001, Int64.max, Int64.min] {
            #expect(throws: LogError.invalidTimestamp(timestamp: time, now: fixture.now)) {
                try fixture.append(["x"], timestamp: time)
            }
        }
        try fixture.append(["x"], timestamp: fixture.now + 3_600_000)
        try fixture.append(["x"], timestamp: fixture.now - 1000)
        try fixture.append(["x"], timestamp: -1)
    }

    @Test func logAppendTimeStampsTheBatch() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["message.timestamp.type": "LogAppendTime"])
        let result = try fixture.append(["a", "b"], timestamp: 5)
        #expect(result.appendTime == fixture.now)
        fixture.directory.commitNow()
        let (header, bytes) = try #require(try log.everything().first)
        #expect(header.attributes.usesAppendTime && header.maxTimestamp == fixture.now)
        _ = try bytes.withUnsafeBytes { try RecordBatchHeader.verified($0) }
        #expect(try log.offset(atOrAfter: fixture.now)?.offset == 0)
        #expect(try log.offset(atOrAfter: fixture.now + 1) == nil)
    }

    @Test(arguments: CompressionCodec.allCases)
    func compactedTopicsNeedKeys(codec: CompressionCodec) throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["cleanup.policy": "compact"])
        #expect(throws: LogError.self) {
            try log.append(Batches.batch([[1]], codec: codec), now: fixture.now)
        }
        _ = try log.append(Batches.batch([[1]], key: "k", codec: codec), now: fixture.now)
    }
}
