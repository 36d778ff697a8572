import Foundation
import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveDelivery

@Suite struct ArchiveSinkTests {
    private let directory = TemporaryDirectory()
    private var path: String { directory.path + "/archive" }

    private func sink(_ disk: any Disk = PosixDisk()) -> ArchiveSink {
        ArchiveSink(ArchiveConfiguration(directory: path), disk: disk, logger: quiet)
    }

    /// The archive's files, by their path below the directory.
    private func files() throws -> [String] {
        guard let names = FileManager.default.enumerator(atPath: path) else { return [] }
        return names.compactMap { $0 as? String }.filter { !$0.hasSuffix("/") && $0.contains(".") }
            .filter { $0.contains("ndjson") }.sorted()
    }

    /// Every offset in the archive, as often as it stands there.
    private func offsets(partition: Int32 = 0) throws -> [Int64] {
        var result: [Int64] = []
        for file in try files() where file.hasSuffix(".lz4") && file.contains("-\(partition)-") {
            result += try ArchiveFile.lines(of: "\(path)/\(file)", on: PosixDisk()).map(\.offset)
        }
        return result.sorted()
    }

    @Test func aFileIsNamedForTopicDayPartitionAndOffsets() async throws {
        let verdicts = await sink().deliver(Event.series(5..<9, partition: 3))
        #expect(verdicts == Array(repeating: .delivered, count: 4))
        #expect(
            try files() == [
                "zeek/date=2026-01-01/zeek-3-00000000000000000005-00000000000000000008.ndjson.lz4"
            ])
    }

    @Test func everyByteComesBack() async throws {
        let values: [ByteSlice?] = [
            #"{"a":1}"#, "{\"a\":1}\r\n", "[1, 2]", "\"text\"", "plain \u{7F} text\n", "", nil,
            ByteSlice([0xFF, 0x00, 0xFE]), " 1", "{\"a\":\n1}", "nul",
        ]
        let events = values.enumerated().map { index, value in
            Event(
                topic: "t", partition: 0, offset: Int64(index),
                timestamp: 1_767_225_600_000 + Int64(index),
                key: index % 3 == 0 ? nil : index % 3 == 1 ? "key" : ByteSlice([0x80, 0x81]),
                value: value,
                headers: index % 2 == 0
                    ? []
                    : [
                        RecordHeader(name: "h", value: "v"), RecordHeader(name: "h", value: nil),
                        RecordHeader(name: "b", value: ByteSlice([0xC0])),
                    ])
        }
        _ = await sink().deliver(events)
        let file = try #require(try files().first)
        let lines = try ArchiveFile.lines(of: "\(path)/\(file)", on: PosixDisk())
        #expect(lines.count == events.count)
        for (event, line) in zip(events, lines) {
            let read = try #require(ArchiveLine.event(line.line))
            #expect(read.identity == event.identity)
            #expect(read.timestamp == event.timestamp)
            #expect(read.key == event.key)
            #expect(read.value == event.value)
            #expect(read.headers == event.headers)
        }
    }

    /// A file is written in pieces: more than one of them, and events of all sizes across them.
    @Test func aFileOfManyPiecesComesBack() async throws {
        var generator = Generator("aFileOfManyPiecesComesBack")
        let events = (0..<400).map { index in
            let count = index == 200 ? 1_500_000 : generator.int(0...10_000)
            let letters = (0..<count).map { _ in UInt8(ascii: "a") + UInt8(generator.below(26)) }
            return Event.text(
                "{\"m\":\"" + String(decoding: letters, as: UTF8.self) + "\"}",
                offset: Int64(index))
        }
        _ = await sink().deliver(events)
        let file = try #require(try files().first)
        let lines = try ArchiveFile.lines(of: "\(path)/\(file)", on: PosixDisk())
        #expect(lines.map(\.offset) == events.map(\.offset))
        for (event, line) in zip(events, lines) {
            #expect(ArchiveLine.event(line.line)?.value == event.value)
        }
    }

    @Test func daysAndPartitionsHaveTheirOwnFiles() async throws {
        let midnight: Int64 = 1_767_225_600_000
        let events =
            Event.series(0..<4, timestamp: midnight - 1) + Event.series(4..<6, timestamp: midnight)
            + Event.series(6..<7, timestamp: midnight - 1) + Event.series(0..<2, partition: 1)
        _ = await sink().deliver(events)
        #expect(
            try files() == [
                "zeek/date=2025-12-31/zeek-0-00000000000000000000-00000000000000000006.ndjson.lz4",
                "zeek/date=2026-01-01/zeek-0-00000000000000000004-00000000000000000005.ndjson.lz4",
                "zeek/date=2026-01-01/zeek-1-00000000000000000000-00000000000000000001.ndjson.lz4",
            ])
        #expect(try offsets() == Array(0..<7))
    }

    @Test func aRedeliveryCutElsewhereStoresNothingTwice() async throws {
        var generator = Generator("aRedeliveryCutElsewhereStoresNothingTwice")
        // Batches of random sizes; again and again a new life begins some events earlier.
        var current = sink()
        var start: Int64 = 0
        while start < 600 {
            let end = start + Int64.random(in: 1...60, using: &generator)
            #expect(
                await current.deliver(Event.series(start..<end)).allSatisfy { $0 == .delivered })
            start = end
            if Int.random(in: 0..<3, using: &generator) == 0 {
                start = max(0, start - Int64.random(in: 0...150, using: &generator))
                if Bool.random(using: &generator) {
                    current = sink()
                } else {
                    await current.assigned(topic: "zeek", partition: 0)
                }
            }
        }
        let found = try offsets()
        #expect(found == Array(0..<Int64(found.count)))
    }

    @Test func eventsMissingFromAFilesRangeAreAddedBesideIt() async throws {
        let all = Event.series(0..<10)
        let some = all.filter { $0.offset % 3 == 0 }
        _ = await sink().deliver(some)
        #expect(try offsets() == [0, 3, 6, 9])
        let verdicts = await sink().deliver(all)
        #expect(verdicts.allSatisfy { $0 == .delivered })
        #expect(try offsets() == Array(0..<10))
    }

    @Test func aFileOfTheSameNameBecomesTheUnion() async throws {
        let all = Event.series(0..<10)
        // Two files that miss each other's inner events and would have the same name.
        _ = await sink().deliver(all.filter { [1, 4, 8].contains($0.offset) })
        _ = await sink().deliver(all.filter { [2, 7].contains($0.offset) })
        _ = await sink().deliver(all.filter { [2, 3, 7].contains($0.offset) })
        _ = await sink().deliver(all)
        #expect(try offsets() == Array(0..<10))
    }

    @Test func aKillAtAnyStepLosesNothingAndDoublesNothing() async throws {
        var operations = 0
        while true {
            let directory = TemporaryDirectory()
            let path = directory.path + "/a/archive"
            func make(_ disk: any Disk) -> ArchiveSink {
                ArchiveSink(ArchiveConfiguration(directory: path), disk: disk, logger: quiet)
            }
            let disk = KillingDisk(operations: operations)
            let first = make(disk)
            var done: Int64 = 0
            for end: Int64 in [10, 25, 30] {
                let verdicts = await first.deliver(Event.series(done..<end))
                guard verdicts.allSatisfy({ $0 == .delivered }) else { break }
                done = end
            }
            // The next life begins at the last commit, which may lie behind what was delivered.
            let committed = max(0, done - 7)
            let second = make(PosixDisk())
            let verdicts = await second.deliver(Event.series(committed..<40))
            #expect(verdicts.allSatisfy { $0 == .delivered })
            var found: [Int64] = []
            let day = path + "/zeek/date=2026-01-01"
            for name in try PosixDisk().list(day) {
                #expect(ArchiveFile(name: name, topic: "zeek") != nil, "\(name) stayed")
                found += try ArchiveFile.lines(of: "\(day)/\(name)", on: PosixDisk()).map(\.offset)
            }
            #expect(found.sorted() == Array(0..<40), "killed at operation \(operations)")
            if !disk.isKilled { break }
            operations += 1
        }
        #expect(operations > 20)
    }

    @Test func aDamagedFileIsSetAsideAndItsEventsAreWrittenAgain() async throws {
        _ = await sink().deliver(Event.series(0..<5))
        let name = try #require(try files().first)
        let file = try PosixDisk().open("\(path)/\(name)", .readWrite)
        try file.truncate(to: try file.size() / 2)
        let verdicts = await sink().deliver(Event.series(0..<5))
        #expect(verdicts.allSatisfy { $0 == .delivered })
        #expect(try files() == [name, name + ".damaged"])
        #expect(try offsets() == Array(0..<5))
    }

    @Test func whatCannotBeWrittenWaits() async throws {
        // A file stands where the directory should.
        try Data("x".utf8).write(to: URL(fileURLWithPath: path))
        let verdicts = await sink().deliver(Event.series(0..<2))
        #expect(verdicts.areAllWaiting)
    }

    @Test func otherToolsReadTheFrames() async throws {
        _ = await sink().deliver(Event.series(0..<1000))
        let name = try #require(try files().first)
        // The magic number of LZ4's frame format, so that `lz4 -d` and libarchive take it.
        let bytes = try PosixDisk().readAll("\(path)/\(name)")
        #expect(bytes[0..<4].array == [0x04, 0x22, 0x4D, 0x18])
    }
}
