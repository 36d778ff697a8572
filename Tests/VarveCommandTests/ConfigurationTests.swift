import Foundation
import Testing
import VarveDelivery
import VarvePlatform

@testable import varve

private func parse(_ text: String) throws -> Configuration {
    try Configuration.parse(Data(text.utf8), path: "/etc/varve/varve.json")
}

private func refusal(_ text: String) -> String {
    do {
        _ = try parse(text)
        return "not refused"
    } catch {
        guard case .usage(let message) = error as? CommandError else { return "\(error)" }
        return message.replacingOccurrences(
            of: "/etc/varve/varve.json:? ?", with: "", options: .regularExpression)
    }
}

@Suite struct ConfigurationTests {
    @Test func emptyFileHasDefaults() throws {
        let configuration = try parse("{}")
        #expect(configuration.dataDirectory == "/etc/varve/varve-data")
        #expect(configuration.listen == ["127.0.0.1:9092"])
        #expect(configuration.http == "127.0.0.1:9644")
        #expect(configuration.settings.isEmpty && configuration.topics.isEmpty)
        #expect(configuration.workers.isEmpty)
    }

    @Test func everyKeyIsRead() throws {
        let configuration = try parse(
            """
            // JSON5: comments, single quotes, unquoted keys, trailing commas
            {
              dataDirectory: '/var/lib/varve', listen: ["0.0.0.0:9092", '[::]:9092'],
              advertised: "logs.example.org:9092", http: "0.0.0.0:9644",
              settings: { "num.partitions": 3, "auto.create.topics.enable": false,
                          "log.retention.hours": "168" },
              topics: [{ name: "zeek", partitions: 6, config: { "retention.ms": -1, }, }],
              workers: [
                { name: "search", topics: ["zeek"], sink: { type: "sqlite", path: "a/b.sqlite" } },
                { name: "siem", topics: ["zeek"], sink: { type: "syslog", path: "../x/cef.log" } },
                { name: "cold", topics: ["zeek"], sink: { type: "archive", directory: "/arc" } },
              ],
            }
            """)
        #expect(configuration.dataDirectory == "/var/lib/varve")
        #expect(configuration.bootstrap.map(\.description) == ["127.0.0.1:9092", "[::1]:9092"])
        #expect(
            configuration.settings == [
                "num.partitions": "3", "auto.create.topics.enable": "false",
                "log.retention.hours": "168",
            ])
        #expect(configuration.topics[0].partitions == 6)
        #expect(configuration.topics[0].config == ["retention.ms": "-1"])
        #expect(configuration.workers.map(\.name) == ["search", "siem", "cold"])
    }

    @Test func relativePathsCountFromTheFile() throws {
        let configuration = try parse(
            """
            { dataDirectory: "data", workers: [
                { name: "a", topics: ["t"], sink: { type: "sqlite", path: "a/b.sqlite" } },
                { name: "b", topics: ["t"], sink: { type: "syslog", path: "../x/cef.log" } },
                { name: "c", topics: ["t"], sink: { type: "archive", directory: "/arc" } } ] }
            """)
        #expect(configuration.dataDirectory == "/etc/varve/data")
        guard case .sqlite(let a) = configuration.workers[0].sink,
            case .syslog(let b) = configuration.workers[1].sink,
            case .archive(let c) = configuration.workers[2].sink
        else {
            Issue.record("other sinks")
            return
        }
        #expect(a.path == "/etc/varve/a/b.sqlite")
        #expect(b.destination == .file("/etc/x/cef.log"))
        #expect(c.directory == "/arc")
    }

    @Test func networkFilesCountFromTheFileToo() throws {
        let directory = try TemporaryDirectory()
        try directory.write("networks.cfg", "10.0.0.0/8 ours\n")
        let config = try directory.write(
            "varve.json",
            """
            { workers: [{ name: 'a', topics: ['t'],
                transforms: [{ type: 'locality', networksFile: 'networks.cfg' }],
                sink: { type: 'archive', directory: 'x' } }] }
            """)
        #expect(try Configuration.load(config).workers.count == 1)
    }

    @Test(arguments: [
        ("{ dataDirectry: 'x' }", ["dataDirectry", "dataDirectory"]),
        ("{ workers: [ { name: 'a', topic: ['t'], sink: {} } ] }", ["workers[0].topic", "topics"]),
        (
            "{ workers: [ { name: 'a', topics: ['t'], sink: { type: 'sqlite', pth: 'x' } } ] }",
            ["workers[0].sink.pth", "path"]
        ),
        ("{ topics: [ {}, ], }", ["topics[0].name", "missing"]),
        ("{ topics: [ { name: 'a', partitons: 3 } ] }", ["topics[0].partitons", "partitions"]),
    ])
    func unknownKeysAreRefusedWithPathAndNearestKey(text: String, parts: [String]) {
        let message = refusal(text)
        for part in parts { #expect(message.contains(part), "\(message)") }
    }

    @Test(arguments: [
        ("{ listen: 5 }", "listen"),
        ("{ listen: [] }", "needs at least one HOST:PORT"),
        ("{ listen: 'localhost' }", "listen: \"localhost\" is not HOST:PORT"),
        ("{ http: '127.0.0.1:99999' }", "http: \"127.0.0.1:99999\" is not HOST:PORT"),
        ("{ settings: { 'num.partitions': [1] } }", "num.partitions"),
        ("{ topics: [ { name: 'a', partitions: 0 } ] }", "topics[0].partitions"),
        ("{ topics: [ { name: 'a' }, { name: 'a' } ] }", "topics: \"a\" is there twice"),
        ("{ dataDirectory: ", ", line 1, column 18: a value is missing before the end of the file"),
        ("[]", "an object"),
    ])
    func wrongValuesAreRefusedWithTheirPlace(text: String, part: String) {
        let message = refusal(text)
        #expect(message.contains(part), "\(message)")
    }

    @Test func twoWorkersOfOneNameAreRefused() {
        let worker = "{ name: 'a', topics: ['t'], sink: { type: 'archive', directory: 'x' } }"
        #expect(
            refusal("{ workers: [ \(worker), \(worker) ] }") == "workers: \"a\" is there twice")
    }

    @Test func missingFileSaysHowToMakeOne() {
        #expect(throws: CommandError.self) { try Configuration.load("/nonexistent/varve.json") }
        do {
            _ = try Configuration.load("/nonexistent/varve.json")
        } catch {
            #expect(error.message.contains("varve init"))
        }
    }

    @Test func unknownWorkerIsRefusedWithTheNearestName() throws {
        let configuration = try parse(
            "{ workers: [{ name: 'search', topics: ['t'], sink: { type: 'archive', directory: 'x' } }] }"
        )
        #expect(try configuration.worker("search").name == "search")
        do {
            _ = try configuration.worker("serch")
            Issue.record("found")
        } catch {
            #expect(error.message.contains("did you mean search?"))
        }
    }

    @Test func httpCanBeSwitchedOff() throws {
        #expect(try parse("{ http: null }").http == nil)
        #expect(try parse("{ http: '' }").http == nil)
    }
}

@Suite struct SampleConfigurationTests {
    @Test func sampleParsesAndHasTheThreeWorkers() throws {
        let configuration = try parse(SampleConfiguration.text())
        #expect(configuration.workers.map(\.name) == ["search", "siem", "archive"])
        #expect(configuration.workers.map(\.sink.type) == ["sqlite", "syslog", "archive"])
        #expect(configuration.topics.map(\.name) == ["logs"])
        #expect(configuration.listen == ["127.0.0.1:9092"])
    }

    @Test func addressesGoIntoTheSample() throws {
        let text = SampleConfiguration.text(
            listen: Endpoint(host: "::1", port: 19092), http: Endpoint(host: "::1", port: 19644))
        let configuration = try parse(text)
        #expect(configuration.listen == ["[::1]:19092"])
        #expect(configuration.http == "[::1]:19644")
    }

    /// What stands there commented out must work when somebody takes the slashes away.
    @Test func commentedPartsParseToo() throws {
        let text = SampleConfiguration.text().split(
            separator: "\n", omittingEmptySubsequences: false
        ).map { line -> String in
            guard let slashes = line.range(of: "// ") else { return String(line) }
            let code = line[slashes.upperBound...].trimmingCharacters(in: .whitespaces)
            let isKey =
                code.split(separator: " ").first?.hasSuffix(":") == true
                && [",", "["].contains(code.last)
            let isCode = isKey || ["{", "}", "]"].contains(code.first)
            return isCode ? code : String(line)
        }.joined(separator: "\n")
        let configuration = try parse(text)
        #expect(configuration.workers.map(\.name) == ["search", "siem", "archive", "elastic"])
        #expect(configuration.advertised == "logs.example.org:9092")
        #expect(configuration.topics.map(\.name) == ["logs", "windows"])
        #expect(configuration.settings["log.retention.bytes"] == "10737418240")
    }
}

@Suite struct JSON5SyntaxTests {
    @Test(arguments: [
        "{}", "[]", "{ a: 1, 'b': [true, null,], \"c\": -0.5e3, } // end", "/* x */ 0x1F",
        "{ a: .5, b: 5., c: +1, d: Infinity, e: NaN }", "'it\\'s'", "{ $a_1: 'x\\\ny' }",
    ])
    func validTextHasNoMistake(text: String) {
        #expect(JSON5Syntax.mistake(in: text) == nil)
    }

    @Test(arguments: [
        ("{\n  a: 1\n  b: 2\n}", 3, 3, "a comma or } is missing before \"b\""),
        ("{ a: 1,\n b: }", 2, 5, "a value is missing before \"}\""),
        ("{ a: [1, 2 }", 1, 12, "a comma or ] is missing before \"}\""),
        ("{\n a: { b: 1 }", 1, 1, "this { has no }"),
        ("{ a: 'x\n }", 1, 6, "this text has no closing quote on its line"),
        ("{ a: hello }", 1, 6, "hello is no value; text needs quotes"),
        ("{ a 1 }", 1, 5, "a : is missing before \"1\""),
        ("{ a: 1 } x", 1, 10, "nothing may follow here, but there is \"x\""),
        ("{ a: 12x }", 1, 6, "12x is no number"),
        ("/* x", 1, 1, "this comment has no */"),
        ("", 1, 1, "a value is missing before the end of the file"),
    ])
    func mistakeIsFoundWhereItIs(text: String, line: Int, column: Int, problem: String) {
        #expect(
            JSON5Syntax.mistake(in: text)
                == JSON5Syntax.Mistake(line: line, column: column, problem: problem))
    }

    @Test func absurdNestingIsAMistakeAndNotACrash() {
        let text = String(repeating: "[", count: 100_000)
        #expect(JSON5Syntax.mistake(in: text)?.problem == "this is nested too deeply")
    }
}
