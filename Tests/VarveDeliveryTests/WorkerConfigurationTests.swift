import Foundation
import Testing
import VarvePlatform

@testable import VarveDelivery

@Suite struct WorkerConfigurationTests {
    private struct File: Decodable { let workers: [WorkerConfiguration] }

    private func problem(_ worker: String) -> String {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        do {
            _ = try decoder.decode(File.self, from: Data("{workers: [\(worker)]}".utf8))
            return "accepted"
        } catch {
            return "\(ConfigurationError(error))"
        }
    }

    @Test func theShortestWorkerHasEverythingElseByDefault() throws {
        let worker = try WorkerConfiguration.decode(
            #"{name: "search", topics: ["zeek"], sink: {type: "sqlite", path: "search.db"}}"#)
        #expect(worker.group == "varve-search")
        #expect(worker.deadLetterTopic == "search.dead-letter")
        #expect(worker.batch == BatchLimits(events: 10_000, bytes: 16 << 20))
        #expect(worker.retry == RetryPolicy())
        #expect(worker.from == .earliest)
    }

    @Test func everythingCanBeSet() throws {
        let worker = try WorkerConfiguration.decode(
            #"""
            {
              name: "siem", topics: ["zeek", "windows"], group: "g", from: "latest",
              sink: {type: "elasticsearch", urls: ["http://a:9200/", "https://b"], index: "x-%{+YYYY.MM.dd}",
                     username: "u", password: "p", gzip: false, pipeline: "p1", timeoutMilliseconds: 500},
              transforms: [{type: "ecs"}, {type: "remove", fields: ["x"]}],
              batch: {events: 7, ageMilliseconds: 20}, concurrency: 3,
              retry: {firstMilliseconds: 5, maxMilliseconds: 50, attempts: 2, pausedMilliseconds: 100},
              deadLetterTopic: "bad", inFlightBytes: 2097152, commitMilliseconds: 50,
              shutdownMilliseconds: 100, sessionTimeoutMilliseconds: 6000,
            }
            """#)
        #expect(worker.batch == BatchLimits(events: 7, bytes: 5 << 20, ageMilliseconds: 20))
        #expect(worker.retry.attempts == 2)
        #expect(worker.transforms.map(\.type) == ["ecs", "remove"])
        guard case .elasticsearch(let sink) = worker.sink else {
            Issue.record("another sink")
            return
        }
        #expect(sink.urls == ["http://a:9200", "https://b"])
        #expect(sink.credentials.header == "Basic dTpw")
    }

    @Test(arguments: [
        (
            #"{name: "a", topics: ["t"], sink: {type: "elasticsearch", urll: "http://a"}}"#,
            "workers[0].sink.urll: unknown key; did you mean url?"
        ),
        (
            #"{name: "a", topic: ["t"], sink: {type: "sqlite", path: "x"}}"#,
            "workers[0].topic: unknown key; did you mean topics?"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "sqlite", path: "x"}, batch: {event: 1}}"#,
            "workers[0].batch.event: unknown key; did you mean events?"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "sqlite", path: "x"}, zzz: 1}"#,
            "workers[0].zzz: unknown key"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "sqlite"}}"#, "workers[0].sink.path: missing"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "kafka"}}"#,
            "workers[0].sink.type: unknown type 'kafka'; it is one of elasticsearch, sqlite, syslog, splunk, archive"
        ),
        (
            #"{name: "a/b", topics: ["t"], sink: {type: "sqlite", path: "x"}}"#,
            "workers[0].name: may have letters, digits, '.', '_' and '-' only"
        ),
        (
            #"{name: "a", topics: [], sink: {type: "sqlite", path: "x"}}"#,
            "workers[0].topics: names no topic"
        ),
        (
            #"{name: "a", topics: "t", sink: {type: "sqlite", path: "x"}}"#,
            "workers[0].topics: expected a list"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "sqlite", path: 7}}"#,
            "workers[0].sink.path: expected a string"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "sqlite", path: "x"}, concurrency: 0}"#,
            "workers[0].concurrency: 0 is outside 1 to 64"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "syslog"}}"#,
            "workers[0].sink.address: exactly one of address and path is needed"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "splunk", url: "splunk:8088", token: "x"}}"#,
            "workers[0].sink.url: 'splunk:8088' is no http or https URL"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "splunk", url: "http://u:p@a:8088", token: "x"}}"#,
            "workers[0].sink.url: a password has no place in a URL; there are keys for it"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "elasticsearch", url: "http://a", index: "x-%{+WW}"}}"#,
            "workers[0].sink.index: 'WW' in a date: only YYYY, MM, dd and HH are understood"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "splunk", url: "http://a", token: "env:VARVE_NO_SUCH"}}"#,
            "workers[0].sink.token: the environment has no variable VARVE_NO_SUCH"
        ),
        (
            #"{name: "a", topics: ["t"], sink: {type: "sqlite", path: "x"}, transforms: [{type: "ecs"}, {type: "rename", field: {}}]}"#,
            "workers[0].transforms[1].field: unknown key; did you mean fields?"
        ),
        (
            #"{name: "a", topics: ["t"], deadLetterTopic: "t", sink: {type: "sqlite", path: "x"}}"#,
            "workers[0].deadLetterTopic: the worker reads this topic itself"
        ),
    ])
    func refusesByName(_ worker: String, _ expected: String) {
        #expect(problem(worker) == expected)
    }

    @Test func secretsComeFromFilesAndAreNotShown() throws {
        let directory = TemporaryDirectory()
        try Data("s3cret\nsecond line\n".utf8).write(
            to: URL(fileURLWithPath: directory.path + "/token"))
        let worker = try WorkerConfiguration.decode(
            #"{name: "a", topics: ["t"], sink: {type: "splunk", url: "http://a", token: "file:\#(directory.path)/token"}}"#
        )
        guard case .splunk(let sink) = worker.sink else {
            Issue.record("another sink")
            return
        }
        #expect(sink.token.value == "s3cret")
        #expect(!"\(sink.token)".contains("s3cret"))
    }
}
