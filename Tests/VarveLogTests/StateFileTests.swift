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
