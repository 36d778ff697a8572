import Foundation
import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveLog

@Suite struct StateFileTests {
    private let disk = SimulatedDisk(seed: 1)

    private func open() throws -> DataDirectory {
        try DataDirectory.open(
            path: "/data", disk: disk, options: DataDirectoryOptions(commit: .manual), now: 0,
            logger: nil)
    }

    @Test func whatWasReplacedIsThereAfterAPowerCut() throws {
        let directory = try open()
        let file = directory.stateFile("things")
        #expect(try file.read() == nil)
        for content in ["", "one", String(repeating: "many\n", count: 1000)] {
            try file.replace(with: ByteSlice(content))
            #expect(try file.read()?.string == content)
            try directory.close(now: 0)
            disk.powerCut()
            let again = StateFile(name: "things", directory: "/data", disk: disk)
            #expect(try again.read()?.string == content)
        }
    }

    @Test func everyFlipAndEveryCutOfTheFileIsFound() throws {
        let directory = try open()
        let file = directory.stateFile("things")
        try file.replace(with: ByteSlice("{\"a\": 1}\n"))
        let good = try disk.readAll(file.path).array
        func write(_ bytes: [UInt8]) { disk.setContents(file.path, bytes) }
        for position in good.indices {
            for bit in 0..<8 {
                var bad = good
                bad[position] ^= 1 << UInt8(bit)
                write(bad)
                // The checksum's own digits may change their case and mean the same.
                let isCase = bit == 5 && bad[position] >= 65 && bad[position] <= 70
                if isCase { continue }
                #expect(throws: LogError.self, "byte \(position) bit \(bit)") {
                    try file.read()
                }
            }
            write(Array(good[..<position]))
            #expect(throws: LogError.self, "cut to \(position)") { try file.read() }
        }
        write(good + [0])
        #expect(throws: LogError.self) { try file.read() }
        write(good)
        #expect(try file.read()?.string == "{\"a\": 1}\n")
    }

    /// Whichever operation fails, the caller hears of it and the file holds one of the two contents.
    @Test func everyFailureIsToldAndLeavesOldOrNew() throws {
        let directory = try open()
        let file = directory.stateFile("things")
        try file.replace(with: ByteSlice("old"))
        /// Runs `body` with its first operation failing, its second, and so on until none does.
        func failing(_ body: () throws -> Void) -> Int {
            for operation in 0... {
                let met = disk.faultsMet
                disk.fail(.init(operation: disk.operationCount + operation, errno: SystemError.eio))
                let hasThrown = (try? body()) == nil
                disk.fail(nil)
                if disk.faultsMet == met { return operation }
                #expect(hasThrown, "operation \(operation)")
            }
            return 0
        }
        let reads = failing {
            let content = try file.read()
            #expect(content?.string == "old")
        }
        #expect(reads > 1)
        let steps = failing {
            do {
                try file.replace(with: ByteSlice("new"))
            } catch {
                disk.fail(nil)
                let content = try file.read()?.string
                #expect(content == "old" || content == "new")
                throw error
            }
        }
        #expect(steps > 3)
        #expect(try file.read()?.string == "new")
        let moves = failing {
            do {
                _ = try file.setAside(now: 5)
            } catch {
                disk.fail(nil)
                // Still there, or in quarantine, or in both: never in neither.
                let aside = disk.contents("/data/quarantine/things-5")?.suffix(3)
                let content = try file.read()?.string
                #expect(content == "new" || aside.map(Array.init) == Array("new".utf8))
                if content == nil { try file.replace(with: ByteSlice("new")) }
                throw error
            }
        }
        #expect(moves > 5)
    }

    @Test func theSpaceOfTheFileSystemIsTold() throws {
        let directory = try open()
        #expect(directory.space == nil, "a simulated disk has no size")
        let real = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: real, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: real) }
        let posix = try DataDirectory.open(
            path: real, disk: PosixDisk(), options: DataDirectoryOptions(commit: .manual), now: 0,
            logger: nil)
        let space = try #require(posix.space)
        #expect(space.free > 0 && space.free <= space.total)
        try FileManager.default.removeItem(atPath: real)
        #expect(posix.space == nil, "nobody can tell")
    }

    @Test func whatIsSetAsideIsKept() throws {
        let directory = try open()
        let file = directory.stateFile("things")
        try file.replace(with: ByteSlice("x"))
        let aside = try file.setAside(now: 5)
        disk.powerCut()
        #expect(try disk.readAll(aside).string.hasSuffix("\nx"))
        #expect(try file.read() == nil)
    }

    @Test func topicsTakeNewDefaultsAtOnceWhereTheySayNothingThemselves() throws {
        let directory = try open()
        let plain = try directory.createTopic("plain", partitions: 1, now: 0)
        let own = try directory.createTopic(
            "own", partitions: 1, overrides: ["max.message.bytes": "100"], now: 0)
        directory.setTopicDefaults(
            try TopicConfiguration(overrides: ["max.message.bytes": "500"]).asDefaults)
        #expect(plain.configuration.maxMessageBytes == 500)
        #expect(plain.configuration.overrides.isEmpty)
        #expect(own.configuration.maxMessageBytes == 100)
        #expect(
            try directory.createTopic("late", partitions: 1, now: 0).configuration.maxMessageBytes
                == 500)
        try directory.setConfiguration("own", overrides: [:])
        #expect(own.configuration.maxMessageBytes == 500)
        directory.setTopicDefaults(TopicConfiguration())
        #expect(own.configuration.maxMessageBytes == 1_048_588)
    }
}
