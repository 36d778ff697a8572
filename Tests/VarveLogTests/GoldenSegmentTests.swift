import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Segments as files in the repository: what is written today is what was written then, to the
/// byte, and reads as it did. Tests/Interop reads the same files with kafka-python.
///
/// `VARVE_WRITE_FIXTURES=1 swift test --filter GoldenSegmentTests` writes them anew; look at the
/// difference before it is committed: it is a change of the format.
@Suite(.serialized) struct GoldenSegmentTests {
    private static let fixtures = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/Log")

    private static let kinds = ["log", "index", "timeindex"]
    private static let isWriting =
        ProcessInfo.processInfo.environment["VARVE_WRITE_FIXTURES"] != nil

    /// Two segments: keys, tombstones, headers, an idempotent producer, times that go back.
    private func plainLog() throws -> LogFixture {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "2000", "index.interval.bytes": "200"])
        for number in 0..<14 {
            var builder = RecordBatchBuilder()
            for record in 0...(number % 3) {
                builder.append(
                    timestamp: fixture.now + Int64(number * 1000 - record * 3),
                    key: number % 4 == 0 ? nil : ByteSlice("key-\(number)"),
                    value: number % 5 == 4
                        ? nil
                        : ByteSlice(
                            "value \(number).\(record) " + String(repeating: "x", count: 60)),
                    headers: number % 2 == 0
                        ? [RecordHeader(name: "number", value: ByteSlice("\(number)"))] : [])
            }
            let hasProducer = number % 3 == 2
            _ = try log.append(
                try builder.finish(
                    producerID: hasProducer ? 4000 : -1, producerEpoch: hasProducer ? 2 : -1,
                    baseSequence: hasProducer ? Int32(number / 3 * 3) : -1), now: fixture.now)
        }
        fixture.directory.commitNow()
        try fixture.directory.close(now: fixture.now)
        return fixture
    }

    /// A batch in each codec.
    private func codecLog() throws -> LogFixture {
        var fixture = try LogFixture()
        let log = try fixture.partition(["index.interval.bytes": "0"])
        for codec in CompressionCodec.allCases {
            var builder = RecordBatchBuilder(codec: codec)
            for record in 0..<5 {
                builder.append(
                    timestamp: fixture.now + Int64(codec.rawValue * 10 + record),
                    key: ByteSlice("k\(record)"),
                    value: ByteSlice("\(codec.name) " + String(repeating: "\(record)", count: 40)))
            }
            _ = try log.append(try builder.finish(), now: fixture.now)
        }
        fixture.directory.commitNow()
        try fixture.directory.close(now: fixture.now)
        return fixture
    }

    private static func read(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: fixtures.appending(path: name)))
    }

    private static func write(_ name: String, _ bytes: [UInt8]) throws {
        let url = fixtures.appending(path: name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    private func files(_ fixture: LogFixture) -> [(name: String, bytes: [UInt8])] {
        fixture.disk.allFiles.filter { path in
            path.hasPrefix("/data/topics/events/0/")
                && Self.kinds.contains { path.hasSuffix("." + $0) }
        }.map { ($0.split(separator: "/").last.map(String.init)!, fixture.disk.contents($0)!) }
    }

    @Test func theLogWritesTheGoldenBytes() throws {
        let files = files(try plainLog())
        #expect(files.count == 6)
        for (name, bytes) in files {
            if Self.isWriting { try Self.write("plain/" + name, bytes) }
            #expect(bytes == (try Self.read("plain/" + name)), "\(name)")
        }
        if Self.isWriting {
            for (name, bytes) in self.files(try codecLog()) {
                try Self.write("codecs/" + name, bytes)
            }
        }
    }

    /// The fixtures' files on a disk of their own, under relative names that dumps can show.
    private func disk(_ directory: String) throws -> (SimulatedDisk, [String]) {
        let disk = SimulatedDisk(seed: 1)
        try disk.createDirectory("/" + directory)
        let url = Self.fixtures.appending(path: directory)
        let names = try FileManager.default.contentsOfDirectory(atPath: url.path)
            .filter { name in Self.kinds.contains { name.hasSuffix("." + $0) } }.sorted()
        for name in names {
            _ = try disk.open("/\(directory)/\(name)", .create)
            disk.setContents("/\(directory)/\(name)", try Self.read("\(directory)/\(name)"))
        }
        return (disk, names.map { "/\(directory)/\($0)" })
    }

    @Test(arguments: ["plain", "codecs"])
    func theGoldenFilesReadAsTheyDid(directory: String) throws {
        let (disk, paths) = try disk(directory)
        for (suffix, form) in [("txt", LogDumpLine.Form.text), ("jsonl", .json)] {
            let lines = try LogDumpTests.lines(disk, paths) {
                $0.form = form
                $0.showsRecords = true
                $0.showsContents = true
            }
            let text = lines.map { $0 + "\n" }.joined()
            let name = "\(directory)/dump.\(suffix)"
            if Self.isWriting { try Self.write(name, Array(text.utf8)) }
            let isWhole = CompressionCodec.allCases.allSatisfy(\.isBuiltIn)
            if directory == "plain" || isWhole {
                #expect(text == String(decoding: try Self.read(name), as: UTF8.self))
            }
        }
    }

    @Test(arguments: ["plain", "codecs"])
    func aLogOpensTheGoldenFilesAndServesThem(directory: String) throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.directory.close(now: fixture.now)
        let (files, paths) = try disk(directory)
        for path in paths where path.hasSuffix(".log") {
            let target = "/data/topics/events/0/" + path.split(separator: "/").last!
            _ = try fixture.disk.open(target, .create)
            fixture.disk.setContents(target, files.contents(path)!)
        }
        fixture.disk.kill()
        try fixture.reopen()
        #expect(fixture.report.damages.isEmpty)
        let bytes = try fixture.log.everything(bytesMax: 1 << 20).flatMap { $0.bytes.array }
        #expect(
            bytes == paths.filter { $0.hasSuffix(".log") }.flatMap { files.contents($0)! })
    }
}
