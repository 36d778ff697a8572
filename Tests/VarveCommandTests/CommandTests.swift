import Foundation
import Testing
import VarvePlatform

@testable import varve

/// The commands as a person has them: the built binary against a broker of its own.
@Suite struct CommandTests {
    @Test func topicsAreCreatedListedDescribedAndDeleted() throws {
        let broker = try TestBroker()
        let created = try broker.run(
            "topic", "create", "zeek", "windows", "-p", "2", "--config", "retention.ms=1000")
        #expect(created.output == "created topic zeek\ncreated topic windows\n")
        #expect(created.status == 0)

        let again = try broker.run("topic", "create", "zeek")
        #expect(again.status == 1)
        #expect(again.error == "varve: topic zeek: exists already\n")
        #expect(try broker.run("topic", "create", "zeek", "--if-not-exists").status == 0)

        _ = try broker.run("produce", "-t", "zeek", "-p", "1", input: "a\nb\n")
        #expect(
            try broker.run("topic", "list").output == """
                TOPIC    PARTITIONS  RECORDS
                windows           2        0
                zeek              2        2

                """)
        let described = try broker.run("topic", "describe", "zeek")
        #expect(described.lines[0].hasSuffix("ReplicationFactor: 1\tConfigs: retention.ms=1000"))
        #expect(
            described.lines.dropFirst().joined(separator: "\n") == """
                PARTITION  LEADER  REPLICAS  ISR  START-OFFSET  END-OFFSET  RECORDS
                        0       1  1         1               0           0        0
                        1       1  1         1               0           2        2
                """)
        #expect(
            try broker.run("topic", "describe", "zek").error
                == "varve: there is no topic \"zek\" (did you mean zeek?)\n")
        #expect(try broker.run("topic", "delete", "zeek").output == "deleted topic zeek\n")
        #expect(try broker.run("topic", "delete", "zeek").status == 1)
        #expect(try broker.run("topic", "delete", "zeek", "--if-exists").status == 0)
        let refused = try broker.run("topic", "create", "t", "--config", "retention.mss=1")
        #expect(refused.status == 1)
        #expect(refused.error.contains("retention.mss"))
    }

    @Test func linesComeBackAsTheyWere() throws {
        let broker = try TestBroker()
        let lines = (0..<500).map { "line \($0) äöü" }.joined(separator: "\n") + "\n"
        let produced = try broker.run("produce", "-t", "t", "-z", "zstd", input: lines)
        #expect(produced.status == 0)
        #expect(produced.error == "500 records acknowledged by t, 7.2 KiB\n")
        let consumed = try broker.run("consume", "-t", "t", "--from-beginning", "-e")
        #expect(consumed.output == lines)
        #expect(
            try broker.run("consume", "-t", "t", "-o", "10", "-n", "2").output
                == "line 10 äöü\nline 11 äöü\n")
        #expect(
            try broker.run("consume", "-t", "t", "-o", "-1", "-e").output == "line 499 äöü\n")
        #expect(
            try broker.run("consume", "-t", "t", "-o", "@4102444800000", "-e").output == "")
    }

    @Test func interruptedProduceSendsWhatItHasRead() throws {
        let broker = try TestBroker()
        let input = Pipe()
        let produce = try BackgroundVarve("produce", "-t", "t", "-b", broker.kafka, input: input)
        try input.fileHandleForWriting.write(contentsOf: Data("a\nb\n".utf8))
        #expect(
            try eventually {
                try broker.run("consume", "-t", "t", "--from-beginning", "-e").output == "a\nb\n"
            })
        // The pipe is still open, and nothing more comes.
        produce.send(ProcessControl.interrupt)
        #expect(produce.end() == 0)
        #expect(produce.log == "2 records acknowledged by t, 2 B\n")
    }

    @Test func keysHeadersAndTimesComeBack() throws {
        let broker = try TestBroker()
        _ = try broker.run(
            "produce", "-t", "t", "-K", ":", "-H", "source=a=b", "--timestamp",
            "2026-01-31T12:00:00Z", input: "k1:v:1\nonly value\n")
        let format = #"%k|%s|%h|%T|%p|%o\n"#
        #expect(
            try broker.run("consume", "-t", "t", "--from-beginning", "-e", "-f", format).output
                == "k1|v:1|source=a=b|1769860800000|0|0\n"
                + "|only value|source=a=b|1769860800000|0|1\n")
        let json = try broker.run(
            "consume", "-t", "t", "--from-beginning", "-n", "1", "--json")
        #expect(
            json.output
                == #"{"headers":[{"key":"source","value":"a=b"}],"key":"k1","offset":0,"#
                + #""partition":0,"timestamp":1769860800000,"topic":"t","value":"v:1"}"# + "\n")
    }

    @Test func groupsAreDescribedAndMoved() throws {
        let broker = try TestBroker()
        _ = try broker.run("produce", "-t", "t", input: "a\nb\nc\nd\n")
        let first = try broker.run(
            "consume", "-t", "t", "-g", "readers", "--from-beginning", "-n", "3")
        #expect(first.output == "a\nb\nc\n")
        #expect(try broker.run("group", "list").output == "readers\n")
        let described = try broker.run("group", "describe", "readers")
        #expect(
            described.output == """
                GROUP    TOPIC  PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST  CLIENT-ID
                readers  t              0               3               4    1  -            -     -

                """)
        #expect(described.error == "Consumer group 'readers' has no active members.\n")
        #expect(
            try broker.run("group", "describe", "reader").error
                == "varve: there is no group \"reader\" (did you mean readers?)\n")

        let reset = ["group", "reset-offsets", "--group", "readers", "--topic", "t", "-b", broker.kafka]
        let dry = try VarveProcess.run(list: reset + ["--to-earliest"], in: broker.data)
        #expect(
            dry.output == """
                GROUP    TOPIC  PARTITION  NEW-OFFSET
                readers  t              0           0

                """)
        #expect(dry.error.contains("dry run"))
        let shifted = try VarveProcess.run(
            list: reset + ["--shift-by", "-2", "--execute"], in: broker.data)
        #expect(shifted.lines.last == "readers  t              0           1")
        #expect(
            try broker.run("consume", "-t", "t", "-g", "readers", "-e").output == "b\nc\nd\n")
        let none = try VarveProcess.run(list: reset, in: broker.data)
        #expect(none.status == 2)
        #expect(none.error.contains("--to-earliest"))
    }

    @Test func activeGroupsAreNotMoved() throws {
        let broker = try TestBroker()
        _ = try broker.run("produce", "-t", "t", input: "a\n")
        let member = try BackgroundVarve(
            "consume", "-t", "t", "-g", "busy", "--from-beginning", "-b", broker.kafka)
        #expect(eventually { member.output == "a\n" })
        let refused = try broker.run(
            "group", "reset-offsets", "busy", "--topic", "t", "--to-earliest", "--execute")
        #expect(refused.status == 1)
        #expect(refused.error.contains("'busy' is inactive, but the current state is Stable"))
        let members = try broker.run("group", "describe", "busy", "--members")
        #expect(members.lines[0].hasPrefix("GROUP  CONSUMER-ID"))
        #expect(members.lines[1].hasSuffix("1"))
        // Ctrl-C: it leaves its group, which can be moved then.
        member.send(ProcessControl.interrupt)
        #expect(member.end() == 0)
        #expect(
            try broker.run(
                "group", "reset-offsets", "busy", "--topic", "t", "--to-earliest", "--execute"
            ).status == 0)
    }

    @Test func rangeIsReplayedToAFile() throws {
        let broker = try TestBroker()
        _ = try broker.run("produce", "-t", "t", input: "a\nb\nc\nd\n")
        let dry = try broker.run(
            "replay", "-t", "t", "--from", "1", "--to", "3", "--file", "part")
        #expect(dry.lines == ["TOPIC  PARTITION  FROM  TO  RECORDS", "t              0     1   3        2"])
        #expect(broker.data.read("part") == "")
        let done = try broker.run(
            "replay", "-t", "t", "--from", "1", "--to", "3", "--file", "part", "-f", #"%o %s\n"#,
            "--execute")
        #expect(done.output == "replayed 2 events of t to part\n")
        #expect(broker.data.read("part") == "1 b\n2 c\n")
        let again = try broker.run("replay", "-t", "t", "--file", "part", "--execute")
        #expect(again.status == 1)
        #expect(broker.data.read("part") == "1 b\n2 c\n")
    }

    @Test func retentionIsShownAndApplied() throws {
        let broker = try TestBroker()
        _ = try broker.run("topic", "create", "t", "--config", "retention.ms=1")
        _ = try broker.run("produce", "-t", "t", input: "a\nb\n")
        usleep(50_000)
        let show = try VarveProcess.run("retention", "show", "--http", broker.http, in: broker.data)
        #expect(show.lines[0].hasPrefix("TOPIC  POLICY  KEEPS-TIME  KEEPS-BYTES  COUNTS-FROM"))
        let row = try #require(show.lines.first { $0.hasPrefix("t ") })
        #expect(row.contains("1 ms") && row.contains("append") && !row.hasSuffix(" 0 B"))
        // One line for a topic, however many partitions it has; each of them when it is named.
        #expect(show.lines.count == 2)
        let named = try VarveProcess.run(
            "retention", "show", "-t", "t", "--http", broker.http, in: broker.data)
        #expect(named.lines[0].contains("PARTITION  START-OFFSET  END-OFFSET"))
        #expect(named.lines[1].contains(" 0             0           2 "))
        let apply = try VarveProcess.run(
            "retention", "apply", "--http", broker.http, in: broker.data)
        #expect(apply.lines[1].hasPrefix("t              0     0   2"))
        #expect(apply.lines.last?.hasPrefix("1 segments deleted") == true)
        #expect(try broker.run("consume", "-t", "t", "--from-beginning", "-e").output == "")
        #expect(try broker.run("topic", "list").lines.last?.hasSuffix(" 0") == true)
    }

    @Test func statusShowsTheBroker() throws {
        let broker = try TestBroker()
        _ = try broker.run("produce", "-t", "t", input: "a\n")
        let status = try VarveProcess.run("status", "--http", broker.http, in: broker.data)
        #expect(status.status == 0)
        #expect(status.output.contains(broker.kafka) && status.output.contains("1 records"))
        _ = broker.stop()
        let gone = try VarveProcess.run("status", "--http", broker.http, in: broker.data)
        #expect(gone.status == 1)
    }

    /// What is mapped for the start alone goes, and what is used on comes back.
    @Test func idleBrokerKeepsNoPagesOfItsStart() throws {
        let broker = try TestBroker()
        func kibibytes(_ name: String) throws -> Int {
            let status = try String(
                contentsOfFile: "/proc/\(broker.process.identifier)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            return line?.split(whereSeparator: \.isWhitespace).dropFirst().first
                .flatMap { Int($0) } ?? 0
        }
        #expect(try eventually { try kibibytes("VmRSS") < kibibytes("VmHWM") * 3 / 4 })
        #expect(try broker.run("topic", "create", "t").status == 0)
        #expect(try broker.run("produce", "-t", "t", input: "a\n").status == 0)
    }

    @Test func brokerStopsCleanlyAndGoesOnWhereItStopped() throws {
        let broker = try TestBroker()
        _ = try broker.run("produce", "-t", "t", input: "a\nb\n")
        #expect(broker.stop() == 0)
        let next = try TestBroker(broker.data)
        #expect(
            try next.run("consume", "-t", "t", "--from-beginning", "-e").output == "a\nb\n")
    }

    @Test func wrongBrokerSettingsAreRefusedByName() throws {
        let directory = try TemporaryDirectory()
        let refused = try VarveProcess.run(
            "broker", "--data", "d", "--listen", "127.0.0.1:0", "--set", "num.partitons=3",
            in: directory)
        #expect(refused.status == 2)
        #expect(refused.error.contains("num.partitons"))
        let missing = try VarveProcess.run("broker", in: directory)
        #expect(missing.status == 2)
        #expect(missing.error.contains("--data DIR"))
    }

    @Test func secondBrokerOfADirectoryIsRefused() throws {
        let broker = try TestBroker()
        let second = try VarveProcess.run(
            "broker", "--data", broker.data.path + "/data", "--listen", "127.0.0.1:0",
            in: broker.data)
        #expect(second.status == 1)
        #expect(second.error.contains("cannot open the data directory"))
    }

    @Test func unreachableBrokerIsSaidSoInTime() throws {
        let directory = try TemporaryDirectory()
        let began = Date()
        let refused = try VarveProcess.run(
            "topic", "list", "-b", "127.0.0.1:1", "--timeout-ms", "500", in: directory)
        #expect(refused.status == 1)
        #expect(refused.error.contains("no answer from the broker at 127.0.0.1:1"))
        #expect(Date().timeIntervalSince(began) < 5)
    }

    @Test func initNeverOverwrites() throws {
        let directory = try TemporaryDirectory()
        #expect(try VarveProcess.run("init", in: directory).status == 0)
        let written = directory.read("varve.json")
        #expect(written == SampleConfiguration.text())
        try directory.write("varve.json", "mine")
        let refused = try VarveProcess.run("init", in: directory)
        #expect(refused.status == 1)
        #expect(directory.read("varve.json") == "mine")
    }

    @Test func helpAndMistakesHaveTheirStatus() throws {
        let directory = try TemporaryDirectory()
        #expect(try VarveProcess.run("--help", in: directory).status == 0)
        #expect(try VarveProcess.run("topic", "--help", in: directory).status == 0)
        #expect(try VarveProcess.run(in: directory).status == 2)
        let slip = try VarveProcess.run("topci", in: directory)
        #expect(slip.status == 2)
        #expect(slip.error.contains("did you mean topic?"))
    }
}
