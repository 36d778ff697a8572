import Foundation
import Testing
import VarvePlatform

@testable import varve

/// `varve up` with all three sinks, as a person runs it.
@Suite(.serialized) struct UpTests {
    /// A configuration with free ports and impatient batches.
    private final class Site {
        let directory: TemporaryDirectory
        let config: String
        let kafka: String

        init() throws {
            directory = try TemporaryDirectory()
            let base = Int.random(in: 20_000..<30_000)
            kafka = "127.0.0.1:\(base)"
            let batch = "batch: { ageMilliseconds: 50 }, sessionTimeoutMilliseconds: 6000"
            config = try directory.write(
                "varve.json",
                """
                { dataDirectory: "data", listen: "\(kafka)", http: "127.0.0.1:\(base + 1)",
                  settings: { "group.initial.rebalance.delay.ms": 0 },
                  topics: [{ name: "logs", partitions: 2 }],
                  workers: [
                    { name: "search", topics: ["logs"], \(batch),
                      sink: { type: "sqlite", path: "search.sqlite" } },
                    { name: "siem", topics: ["logs"], \(batch),
                      sink: { type: "syslog", path: "siem.log" } },
                    { name: "archive", topics: ["logs"], \(batch),
                      sink: { type: "archive", directory: "archive" } } ] }
                """)
        }

        func up() throws -> BackgroundVarve { try BackgroundVarve("up", "--config", config) }

        func run(_ arguments: String...) throws -> VarveProcess.Outcome {
            try VarveProcess.run(list: arguments + ["--config", config], in: directory)
        }

        func produce(_ lines: String) throws -> VarveProcess.Outcome {
            try VarveProcess.run(
                list: ["produce", "-t", "logs", "-b", kafka], input: lines, in: directory)
        }

        var archived: [String] {
            FileManager.default.enumerator(atPath: directory.path + "/archive")?
                .compactMap { $0 as? String }.filter { $0.hasSuffix(".lz4") } ?? []
        }

        /// The processes of this site's children.
        var children: [Int32] {
            let up = try? RunDirectory(dataDirectory: directory.path + "/data").supervision()
            return up?.children.compactMap(\.process) ?? []
        }

        func isUp(_ up: BackgroundVarve) -> Bool {
            eventually {
                children.count == 4 && up.log.components(separatedBy: "joined group").count == 4
            }
        }
    }

    @Test func eventsComeOutOfAllThreeSinks() throws {
        let site = try Site()
        let up = try site.up()
        #expect(site.isUp(up), "\(up.log)")
        let text = (1...100).map { #"{"message":"failed password number \#($0)"}"# }
        #expect(try site.produce(text.joined(separator: "\n") + "\n").status == 0)

        #expect(
            try eventually { try site.run("search", "password", "-n", "200").lines.count == 100 })
        #expect(eventually { site.directory.lines("siem.log").count == 100 })
        #expect(site.directory.lines("siem.log").allSatisfy { $0.contains("CEF:0|") })
        #expect(eventually { !site.archived.isEmpty })
        #expect(try eventually { try site.run("status").output.contains("archive  running        100") })
        #expect(try site.run("search", "password NOT 7", "-n", "200").lines.count == 99)
        #expect(try site.run("search", "--counts").lines.last == "logs      100")

        up.send(ProcessControl.terminate)
        #expect(up.end() == 0)
        let log = up.log
        let workers = try #require(log.range(of: "stopping the workers"))
        let broker = try #require(log.range(of: "stopping the broker"))
        #expect(workers.lowerBound < broker.lowerBound)
        #expect(site.children.isEmpty)
    }

    @Test func aTopicThatIsThereGetsItsDeclaredPartitions() throws {
        let site = try Site()
        let first = try site.up()
        #expect(site.isUp(first), "\(first.log)")
        first.send(ProcessControl.terminate)
        #expect(first.end() == 0)

        let text = try String(contentsOfFile: site.config, encoding: .utf8)
        try text.replacingOccurrences(of: "partitions: 2", with: "partitions: 4")
            .write(toFile: site.config, atomically: true, encoding: .utf8)
        let second = try site.up()
        #expect(site.isUp(second), "\(second.log)")
        let topic = try site.run("topic", "describe", "logs")
        #expect(topic.output.contains("PartitionCount: 4"), "\(topic.output)")
        second.send(ProcessControl.terminate)
        #expect(second.end() == 0)
    }

    @Test func replayGoesThroughAWorkersSink() throws {
        let site = try Site()
        let up = try site.up()
        #expect(site.isUp(up), "\(up.log)")
        _ = try site.produce("one\ntwo\nthree\n")
        #expect(eventually { site.directory.lines("siem.log").count == 3 })
        let dry = try site.run("replay", "-t", "logs", "--worker", "siem")
        #expect(dry.error.contains("3 records to the syslog sink of worker siem"))
        let done = try site.run("replay", "-t", "logs", "--worker", "siem", "--execute")
        #expect(done.output == "replayed 3 events of logs to the syslog sink of worker siem\n")
        #expect(site.directory.lines("siem.log").count == 6)
        // A sink that can stores them once (D4).
        _ = try site.run("replay", "-t", "logs", "--worker", "search", "--execute")
        #expect(try site.run("search", "--counts").lines.last == "logs        3")
    }

    @Test func killedWorkerComesBackAndLosesNothing() throws {
        let site = try Site()
        let up = try site.up()
        #expect(site.isUp(up), "\(up.log)")
        let worker = try #require(
            try RunDirectory(dataDirectory: site.directory.path + "/data").supervision()?
                .children.first { $0.name == "worker search" }?.process)
        ProcessControl.send(ProcessControl.kill, to: worker)
        _ = try site.produce("after the kill\n")
        #expect(
            try eventually(seconds: 40) { try site.run("search", "kill").lines.count == 1 },
            "\(up.log)")
        #expect(try site.run("status").output.contains("signal 9"))
    }

    @Test func childrenEndWhenTheirParentIsKilled() throws {
        let site = try Site()
        let up = try site.up()
        #expect(site.isUp(up), "\(up.log)")
        let children = site.children
        // Threads of the runtime's pool end after five idle seconds, and what the kernel keeps
        // for such a thread goes with it: the children must have asked from one that stays.
        usleep(7_000_000)
        up.send(ProcessControl.kill)
        #expect(eventually { children.allSatisfy { !ProcessControl.send(0, to: $0) } })
    }

    @Test func brokerThatCannotStartIsSaidSo() throws {
        let site = try Site()
        let up = try site.up()
        #expect(site.isUp(up), "\(up.log)")
        let second = try VarveProcess.run("up", "--config", site.config, in: site.directory)
        #expect(second.status == 1)
        #expect(second.error.contains("the broker ended before it was ready: exit status 1"))
        up.send(ProcessControl.terminate)
        #expect(up.end() == 0)
    }
}
