import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// The dump says what is in the files, in Kafka's words.
@Suite struct LogDumpTests {
    static let time: Int64 = 1_767_225_600_000

    /// The lines of a dump; complaints begin with "! ".
    static func lines(
        _ disk: any Disk, _ paths: [String],
        _ change: (inout LogDump.Options) -> Void = { _ in }
    ) throws -> [String] {
        var options = LogDump.Options()
        change(&options)
        let lines = Lock<[String]>([])
        var dump = LogDump(disk: disk, options: options) { line in
            lines.withLock { $0.append((line.isComplaint ? "! " : "") + line.text) }
        }
        for path in paths { _ = try dump.dump(path) }
        dump.finish()
        return lines.withLock { $0 }
    }

    private func makeLog() throws -> LogFixture {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "1024", "index.interval.bytes": "100"])
        for number in 0..<6 {
            let batch = Batches.batch(
                [[UInt8](repeating: 0x61 + UInt8(number), count: 150), [0x41]],
                timestamp: fixture.now + Int64(number), key: "k\(number)", producerID: 7,
                epoch: 0, sequence: Int32(number * 2))
            _ = try log.append(batch, now: fixture.now)
        }
        fixture.directory.commitNow()
        try fixture.directory.close(now: fixture.now)
        fixture.disk.kill()
        return fixture
    }

    @Test func aBatchAndItsRecordsReadAsInKafka() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        var builder = RecordBatchBuilder()
        builder.append(
            timestamp: Self.time, key: ByteSlice("key"), value: ByteSlice("value"),
            headers: [RecordHeader(name: "a", value: nil), RecordHeader(name: "b", value: "1")])
        builder.append(timestamp: Self.time + 5, key: nil, value: nil)
        _ = try log.append(
            try builder.finish(producerID: 9, producerEpoch: 1, baseSequence: 3),
            now: fixture.now)
        try fixture.append(["x"])
        fixture.directory.commitNow()
        let path = fixture.path(0, "log")
        let batch = try #require(log.everything().first)
        let crc = batch.header.checksum
        let size = batch.bytes.count
        let lines = try Self.lines(fixture.disk, [path]) {
            $0.showsRecords = true
            $0.showsContents = true
        }
        #expect(lines[0] == "Dumping \(path)")
        #expect(lines[1] == "Log starting offset: 0")
        #expect(
            lines[2]
                == "baseOffset: 0 lastOffset: 1 count: 2 baseSequence: 3 lastSequence: 4 "
                + "producerId: 9 producerEpoch: 1 partitionLeaderEpoch: 0 isTransactional: false "
                + "isControl: false deleteHorizonMs: OptionalLong.empty position: 0 "
                + "CreateTime: \(Self.time + 5) size: \(size) magic: 2 compresscodec: none "
                + "crc: \(crc) isvalid: true")
        #expect(
            lines[3]
                == "| offset: 0 CreateTime: \(Self.time) keySize: 3 valueSize: 5 sequence: 3 "
                + "headerKeys: [a,b] key: key payload: value")
        #expect(
            lines[4]
                == "| offset: 1 CreateTime: \(Self.time + 5) keySize: -1 valueSize: -1 "
                + "sequence: 4 headerKeys: []")
        #expect(lines.count == 8)
        let ahead = try fixture.disk.contents(path)!.count - fixture.batchBytes(0).count
        #expect(lines[7].hasPrefix("Found \(ahead) zeros, written ahead, at the end of 00"))
        let bare = try Self.lines(fixture.disk, [path]) {
            $0.showsRecords = true
            $0.showsContents = true
            $0.skipsMetadata = true
        }
        #expect(bare[3] == "| key: key payload: value" && bare[4] == "|")
        // Batches only, and a range of offsets.
        #expect(try Self.lines(fixture.disk, [path]).count == 5)
        #expect(try Self.lines(fixture.disk, [path]) { $0.offsets = 2...5 }.count == 4)
    }

    @Test func linesOfJSONParseAndLoseNoByte() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        var builder = RecordBatchBuilder()
        builder.append(
            timestamp: Self.time, key: ByteSlice([0xFF, 0xFE]), value: ByteSlice("ä"),
            headers: [RecordHeader(name: "h", value: ByteSlice([0x80]))])
        builder.append(timestamp: Self.time, key: nil, value: ByteSlice([1, 2, 0xC3, 4]))
        _ = try log.append(try builder.finish(), now: fixture.now)
        fixture.directory.commitNow()
        let lines = try Self.lines(fixture.disk, [fixture.path(0, "log")]) {
            $0.form = .json
            $0.showsRecords = true
            $0.showsContents = true
        }
        let json = try lines.map { try JSON(parsing: $0) }
        #expect(json.map { $0["type"]?.string } == ["file", "batch", "record", "record", "ahead"])
        #expect(json[1]["deleteHorizonMs"] == .null && json[1]["isvalid"]?.bool == true)
        #expect(json[2]["keyBase64"]?.string == "//4=" && json[2]["value"]?.string == "ä")
        #expect(json[2]["headers"]?.array?[0]["valueBase64"]?.string == "gA==")
        #expect(json[3]["key"] == .null && json[3]["valueBase64"]?.string == "AQLDBA==")
    }

    @Test func indexesSnapshotsSealsAndMarksAreShown() throws {
        let fixture = try makeLog()
        let index = try Self.lines(fixture.disk, [fixture.path(0, "index")])
        #expect(index[0] == "Dumping \(fixture.path(0, "index"))")
        #expect(index.count > 2 && index[1].hasPrefix("offset: 3 position: "))
        let times = try Self.lines(fixture.disk, [fixture.path(0, "timeindex")])
        #expect(times[1] == "timestamp: \(fixture.now + 1) offset: 3")
        #expect(!(index + times).contains { $0.hasPrefix("! ") })
        let producers = try Self.lines(fixture.disk, [fixture.path(12, "producers")])
        #expect(
            producers[1].hasPrefix("producerId: 7 producerEpoch: 0 coordinatorEpoch: -1 "))
        #expect(producers[1].contains("firstSequence: 10 lastSequence: 11 lastOffset: 11"))
        let seal = try Self.lines(fixture.disk, [fixture.path(0, "seal")])
        #expect(seal[1].hasPrefix("baseOffset: 0 nextOffset: 8 size: "))
        let mark = try Self.lines(fixture.disk, ["/data/topics/events/0/durable"])
        #expect(mark.count == 3)
        #expect(mark.contains { $0.contains("durableEnd: 12 cleanStop: true") })
        for suffix in ["index", "timeindex", "seal", "producers"] {
            let base: Int64 = suffix == "producers" ? 12 : 0
            for line in try Self.lines(
                fixture.disk, [fixture.path(base, suffix)], { $0.form = .json })
            {
                _ = try JSON(parsing: line)
            }
        }
        #expect(
            try Self.lines(fixture.disk, [fixture.path(0, "index")]) {
                $0.checksIndexSanity = true
            }.last == "\(fixture.path(0, "index")) passed sanity check.")
        #expect(
            try Self.lines(fixture.disk, [fixture.path(0, "index")]) {
                $0.verifiesIndexOnly = true
            }.count == 1)
        #expect(
            try Self.lines(fixture.disk, ["/data/topics/events/topic.json"]).last
                == "! Ignoring unknown file /data/topics/events/topic.json")
    }

    @Test func wrongIndexEntriesAreToldAsKafkaTellsThem() throws {
        let fixture = try makeLog()
        let path = fixture.path(0, "index")
        var bytes = fixture.disk.contents(path)!
        bytes[7] ^= 1
        fixture.disk.setContents(path, bytes)
        let lines = try Self.lines(fixture.disk, [path]) { $0.verifiesIndexOnly = true }
        #expect(lines.contains("! Mismatches in :\(path)"))
        #expect(lines.last == "!   Index offset: 3, log offset: -1")
        let timePath = fixture.path(0, "timeindex")
        bytes = fixture.disk.contents(timePath)!
        bytes[7] ^= 1
        fixture.disk.setContents(timePath, bytes)
        let times = try Self.lines(fixture.disk, [timePath]) { $0.verifiesIndexOnly = true }
        #expect(times.contains("! Found timestamp mismatch in :\(timePath)"))
    }

    @Test func damageIsShownAndSteppedOver() throws {
        let fixture = try makeLog()
        let path = fixture.path(0, "log")
        let good = fixture.disk.contents(path)!
        let size = good.count / 4
        // A wrong checksum where the length is right.
        var bad = good
        bad[size + 100] ^= 1
        fixture.disk.setContents(path, bad)
        var lines = try Self.lines(fixture.disk, [path])
        #expect(lines.count == 6)
        #expect(lines[3].hasPrefix("baseOffset: 2 ") && lines[3].hasSuffix("isvalid: false"))
        // A length that leads nowhere.
        bad = good
        bad[size + 9] ^= 1
        fixture.disk.setContents(path, bad)
        lines = try Self.lines(fixture.disk, [path])
        #expect(lines[3] == "Found \(size) invalid bytes at position \(size)")
        #expect(lines[4].hasPrefix("baseOffset: 4 "))
        // A torn end.
        fixture.disk.setContents(path, Array(good.dropLast(10)))
        lines = try Self.lines(fixture.disk, [path])
        #expect(
            lines.last
                == "Found \(size - 10) invalid bytes at the end of 00000000000000000000.log")
    }

    @Test func gapsBetweenOffsetsAreTold() throws {
        let fixture = try makeLog()
        let path = fixture.path(0, "log")
        let good = fixture.disk.contents(path)!
        let size = good.count / 4
        fixture.disk.setContents(path, Array(good[..<size]) + Array(good[(2 * size)...]))
        let lines = try Self.lines(fixture.disk, [path]) { $0.showsRecords = true }
        #expect(
            lines.suffix(2)
                == ["! Non-consecutive offsets in \(path)", "!   1 is followed by 4"])
    }

    @Test func controlBatchesShowTheirMarker() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.createDirectory("/d")
        var builder = RecordBatchBuilder(
            attributes: BatchAttributes(isTransactional: true, isControl: true))
        builder.append(
            timestamp: Self.time, key: ByteSlice([0, 0, 0, 1]),
            value: ByteSlice([0, 0, 0, 0, 0, 5]))
        let batch = try builder.finish(producerID: 4, producerEpoch: 0, baseSequence: -1)
        let file = try disk.open("/d/00000000000000000000.log", .create)
        try batch.withUnsafeBytes { try file.write($0, at: 0) }
        let lines = try Self.lines(disk, ["/d/00000000000000000000.log"]) {
            $0.showsRecords = true
        }
        #expect(lines[2].contains("isTransactional: true isControl: true"))
        #expect(lines[3].hasSuffix("headerKeys: [] endTxnMarker: COMMIT coordinatorEpoch: 5"))
    }

    @Test func aLargeSegmentIsReadInASmallWindow() throws {
        // 24 MiB of batches, never more than a window or a batch at a time.
        let disk = SimulatedDisk(seed: 1)
        try disk.createDirectory("/d")
        let path = "/d/00000000000000000000.log"
        let batch = Batches.batch([[UInt8](repeating: 1, count: 3 << 20)], timestamp: Self.time)
        let file = try disk.open(path, .create)
        for number in 0..<8 {
            let stamped = Batches.stamped(batch, at: Int64(number))
            try stamped.withUnsafeBytes {
                try file.write($0, at: Int64(number * stamped.count))
            }
        }
        let reader = LargestReadDisk(disk)
        let lines = try Self.lines(reader, [path]) { $0.showsRecords = true }
        #expect(lines.count == 18)
        #expect(reader.largest.withLock { $0 } <= batch.count)
    }
}

/// Notes the largest single read.
private final class LargestReadDisk: Disk {
    let below: any Disk
    let largest = Lock(0)

    init(_ below: any Disk) { self.below = below }

    final class File: DiskFile {
        let below: any DiskFile
        let disk: LargestReadDisk
        var path: String { below.path }

        init(_ below: any DiskFile, _ disk: LargestReadDisk) {
            self.below = below
            self.disk = disk
        }
        func size() throws(SystemError) -> Int64 { try below.size() }
        func read(
            into buffer: UnsafeMutableRawBufferPointer, at position: Int64
        ) throws(SystemError) -> Int {
            disk.largest.withLock { $0 = max($0, buffer.count) }
            return try below.read(into: buffer, at: position)
        }
        func write(
            _ bytes: UnsafeRawBufferPointer, at position: Int64
        ) throws(SystemError) { preconditionFailure("a dump only reads") }
        func truncate(to size: Int64) throws(SystemError) {
            preconditionFailure("a dump only reads")
        }
        func syncData() throws(SystemError) { preconditionFailure("a dump only reads") }
        func dropCache() throws(SystemError) { try below.dropCache() }
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        precondition(mode == .read, "a dump only reads")
        return File(try below.open(path, mode), self)
    }
    func createDirectory(_ path: String) throws(SystemError) { preconditionFailure() }
    func list(_ path: String) throws(SystemError) -> [String] { try below.list(path) }
    func entry(_ path: String) throws(SystemError) -> DiskEntry? { try below.entry(path) }
    func rename(_ from: String, to: String) throws(SystemError) { preconditionFailure() }
    func remove(_ path: String) throws(SystemError) { preconditionFailure() }
    func removeDirectory(_ path: String) throws(SystemError) { preconditionFailure() }
    func syncDirectory(_ path: String) throws(SystemError) { preconditionFailure() }
    func freeBytes(_ path: String) throws(SystemError) -> Int64 { 0 }
    func lock(_ path: String) throws(SystemError) -> (any DiskFile)? { nil }
}
