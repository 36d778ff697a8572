import Foundation
import Testing
import VarvePlatform

@testable import varve

/// `varve log` as a person has it: the built binary on the directory of a broker.
@Suite struct LogCommandTests {
    /// A stopped broker's directory with five records and a group's offset in it.
    private func makeDirectory() throws -> TemporaryDirectory {
        let broker = try TestBroker()
        #expect(try broker.run("topic", "create", "t").status == 0)
        #expect(try broker.run("produce", "-t", "t", input: "a\nb\nc\nd\ne\n").status == 0)
        let read = try broker.run(
            "consume", "-t", "t", "-g", "readers", "--from-beginning", "-n", "5")
        #expect(read.output == "a\nb\nc\nd\ne\n")
        #expect(broker.stop() == 0)
        return broker.data
    }

    private func run(
        _ directory: TemporaryDirectory, _ arguments: String...
    ) throws -> VarveProcess.Outcome {
        try VarveProcess.run(list: ["log"] + arguments, in: directory)
    }

    private let segment = "data/topics/t/0/00000000000000000000.log"

    private func damage(_ directory: TemporaryDirectory, at position: Int) throws {
        let url = URL(fileURLWithPath: directory.path + "/" + segment)
        var bytes = try Data(contentsOf: url)
        bytes[position] ^= 0x20
        try bytes.write(to: url)
    }

    @Test func aCleanDirectoryIsVerifiedDumpedAndNeedsNoRepair() throws {
        let directory = try makeDirectory()
        let verified = try run(directory, "verify", "--data", "data")
        #expect(verified.status == 0 && verified.error.isEmpty)
        #expect(verified.lines.last == "nothing is wrong")
        #expect(verified.output.contains(" records; "))
        let json = try JSON(
            parsing: try run(directory, "verify", "--data", "data", "--json").output)
        #expect(json["clean"]?.bool == true && json["running"]?.bool == false)
        #expect(json["records"]?.int ?? 0 >= 5)
        let one = try run(directory, "verify", "--data", "data", "-t", "t", "-p", "0", "--json")
        #expect(try JSON(parsing: one.output)["records"]?.int == 5)

        let dumped = try run(directory, "dump", "--print-data-log", segment)
        #expect(dumped.status == 0)
        #expect(dumped.lines[0] == "Dumping \(segment)")
        #expect(dumped.lines[1] == "Log starting offset: 0")
        #expect(dumped.lines[2].hasPrefix("baseOffset: 0 lastOffset: "))
        #expect(dumped.lines.filter { $0.hasPrefix("| offset: ") }.count == 5)
        #expect(dumped.lines.last?.hasSuffix(" payload: e") == true)
        let range = try run(
            directory, "dump", "--data", "data", "--topic", "t", "--from", "1", "--to", "2",
            "--records", "--json")
        let offsets = try range.lines.map { try JSON(parsing: $0) }
            .filter { $0["type"]?.string == "record" }.map { $0["offset"]?.int }
        #expect(offsets == [1, 2])
        let files = try run(directory, "dump", "--files", segment + ",data/topics/t/0/durable")
        #expect(files.output.contains("durableEnd: 5 cleanStop: true"))
        #expect(try run(directory, "dump", "data/topics/t/0").output.contains("durableEnd: 5"))

        let repaired = try run(directory, "repair", "--data", "data")
        #expect(repaired.status == 0 && repaired.output.hasSuffix("nothing to repair\n"))
    }

    @Test func committedOffsetsAreDecoded() throws {
        let directory = try makeDirectory()
        let dumped = try run(
            directory, "dump", "--data", "data", "--topic", "__consumer_offsets",
            "--offsets-decoder")
        #expect(dumped.status == 0)
        #expect(
            dumped.output.contains(
                #"key: {"type":"1","data":{"group":"readers","topic":"t","partition":0}} "#
                    + #"payload: {"version":"3","data":{"offset":5,"leaderEpoch":-1,"#))
        #expect(dumped.output.contains(#"key: {"type":"2","data":{"group":"readers"}}"#))
        #expect(dumped.output.contains(#""protocolType":"consumer","generation":"#))
        #expect(dumped.output.contains(#""subscription":{"topics":["t"]"#))
        #expect(!dumped.output.contains("Error at offset"))
    }

    @Test func damageIsSaidBeforehandAndThenSetAside() throws {
        let directory = try makeDirectory()
        try damage(directory, at: 80)
        let verified = try run(directory, "verify", "--data", "data")
        #expect(verified.status == 1 && verified.error == "varve: 1 finding\n")
        #expect(verified.lines[0].hasPrefix("batch-damaged  "))
        #expect(verified.lines[0].contains(segment + " position 0, "))
        #expect(verified.lines[1].hasPrefix("    means: "))
        #expect(verified.lines[2].hasPrefix("    remedy: varve log repair"))
        let planned = try run(directory, "repair", "--data", "data")
        #expect(planned.status == 1)
        #expect(planned.error == "varve: nothing was changed; --execute does what is said above\n")
        #expect(planned.lines[0].contains("corruption"))
        #expect(try run(directory, "repair", "--data", "data").output == planned.output)
        let done = try run(directory, "repair", "--data", "data", "--execute")
        #expect(done.status == 0)
        #expect(done.lines.dropLast() == planned.lines.dropLast())
        let after = try run(directory, "verify", "--data", "data")
        #expect(after.status == 0 && after.output.contains("set aside earlier  corruption  t-0"))
        #expect(try run(directory, "repair", "--data", "data").status == 0)
    }

    @Test func aRunningBrokersDirectoryIsVerifiedAndLeftAlone() throws {
        let broker = try TestBroker()
        #expect(try broker.run("topic", "create", "t").status == 0)
        #expect(try broker.run("produce", "-t", "t", input: "a\nb\n").status == 0)
        let json = try JSON(
            parsing: try run(broker.data, "verify", "--data", "data", "--json").output)
        #expect(json["clean"]?.bool == true && json["running"]?.bool == true)
        #expect(try run(broker.data, "dump", "--records", segment).output.contains("| offset: 1 "))
        #expect(broker.process.isRunning)
    }

    @Test func mistakesAreUsageErrorsWithTheNearestRightWord() throws {
        let directory = try TemporaryDirectory()
        func refusal(_ arguments: String...) throws -> String {
            let outcome = try VarveProcess.run(list: ["log"] + arguments, in: directory)
            #expect(outcome.status == 2 && outcome.output.isEmpty)
            return outcome.error
        }
        #expect(
            try refusal("verfy") == "varve: log has no \"verfy\" (did you mean verify?); it has "
                + "verify, dump, repair\n")
        #expect(try refusal("dump", "--print-data-lock", "x").contains("--print-data-log"))
        #expect(try refusal("verify").contains("needs --data DIR or a configuration file"))
        #expect(try refusal("verify", "--data", "nowhere").contains("is no data directory"))
        #expect(try refusal("dump").contains("needs FILEs or --topic NAME"))
        #expect(try refusal("dump", "--from", "5", "--to", "4", "x").contains("behind"))
        try FileManager.default.createDirectory(
            atPath: directory.path + "/data/topics", withIntermediateDirectories: true)
        #expect(try refusal("verify", "--data", "data", "-t", "none").contains("no topic none"))
        #expect(try refusal("verify", "--data", "data", "-p", "0").contains("needs --topic"))
        #expect(
            try refusal("dump", "--data", "data", "-t", "none").contains("no topic none"))
        #expect(try run(directory, "dump", "absent.log").status == 1)
        for command in ["verify", "dump", "repair"] {
            let help = try run(directory, command, "--help")
            #expect(help.status == 0 && help.output.hasPrefix("Usage: varve log \(command)"))
        }
    }
}
