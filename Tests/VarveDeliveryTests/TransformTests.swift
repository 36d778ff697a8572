import Testing
import VarvePlatform

@testable import VarveDelivery

@Suite struct TransformTests {
    private func apply(_ configuration: String, _ value: String) throws -> String? {
        try transform(configuration).apply(.text(value))?.value?.string
    }

    @Test func withoutTransformsTheBytesStay() throws {
        let value = "{ \"a\" : 1 }\r\n"
        #expect(
            try TransformPipeline([any Transform]()).apply(.text(value))?.value?.string == value)
    }

    @Test func parseTakesTheTextInAFieldApart() throws {
        #expect(
            try apply(#"{type: "parse"}"#, #"{"message":"{\"a\":1,\"b\":\"x\"}","b":"kept"}"#)
                == #"{"b":"kept","a":1}"#)
        #expect(
            try apply(#"{type: "parse", target: "json"}"#, #"{"message":"{\"a\":1}"}"#)
                == #"{"json":{"a":1}}"#)
        // A value that is no JSON at all is wrapped first, and stays.
        #expect(try apply(#"{type: "parse"}"#, "plain text") == #"{"message":"plain text"}"#)
        #expect(try apply(#"{type: "parse"}"#, #"{"message":"[1]"}"#) == #"{"message":"[1]"}"#)
    }

    @Test func aRequiredParseThatFailsIsAnError() throws {
        let pipeline = try transform(#"{type: "parse", required: true}"#)
        #expect(throws: TransformError.self) { try pipeline.apply(.text("plain")) }
        #expect(throws: TransformError.self) { try pipeline.apply(.text(#"{"a":1}"#)) }
        #expect(throws: TransformError.self) { try pipeline.apply(.text(#"{"message":"3"}"#)) }
    }

    @Test func renameMovesFields() throws {
        #expect(
            try apply(
                #"{type: "rename", fields: {"id.orig_h": "source.ip", "gone": "x"}}"#,
                #"{"id.orig_h":"10.0.0.1","uid":"C"}"#)
                == #"{"uid":"C","source":{"ip":"10.0.0.1"}}"#)
        let pipeline = try transform(#"{type: "rename", fields: {"a": "b.c"}}"#)
        #expect(throws: TransformError.self) { try pipeline.apply(.text(#"{"a":1,"b":"scalar"}"#)) }
    }

    @Test func addFillsTemplatesAndKeepsWhatIsThere() throws {
        #expect(
            try apply(
                #"{type: "add", fields: {"a": 1, "labels.site": "north", "index": "%{topic}-%{+YYYY.MM.dd}", "none": "%{missing}", "n": null, "l": [1, "x"]}}"#,
                #"{"a":0}"#)
                == #"{"a":0,"index":"zeek-2026.01.01","l":[1,"x"],"labels":{"site":"north"},"n":null}"#
        )
        #expect(
            try apply(#"{type: "add", fields: {"a": true}, overwrite: true}"#, #"{"a":0}"#)
                == #"{"a":true}"#)
    }

    @Test func removeTakesFieldsAway() throws {
        #expect(
            try apply(
                #"{type: "remove", fields: ["a.b", "c", "d"]}"#, #"{"a":{"b":1,"x":2},"c":3}"#)
                == #"{"a":{"x":2}}"#)
    }

    @Test(arguments: [
        (#"{field: "event.code", equals: 4658}"#, true),
        (#"{field: "event.code", equals: "4658"}"#, true),
        (#"{field: "event.code", in: ["1", 4658]}"#, true),
        (#"{field: "event.code", in: [1]}"#, false),
        (#"{field: "process.name", contains: "well"}"#, false),
        (#"{field: "process.name", startsWith: "power"}"#, true),
        (#"{field: "process.name", endsWith: ".exe"}"#, true),
        (#"{field: "tags", equals: "b"}"#, true),
        (#"{field: "missing", exists: false}"#, true),
        (#"{field: "event", exists: true}"#, true),
        (#"{field: "source.ip", cidr: ["10.0.0.0/8"]}"#, true),
        (#"{field: "source.ip", cidr: ["192.168.0.0/16"]}"#, false),
        (#"{field: "process.name", cidr: ["0.0.0.0/0"]}"#, false),
        (#"{topic: "zeek"}"#, true),
        (#"{all: [{topic: "zeek"}, {field: "ok", equals: true}]}"#, true),
        (#"{all: [{topic: "zeek"}, {field: "ok", equals: false}]}"#, false),
        (#"{any: [{topic: "x"}, {field: "ok", equals: true}]}"#, true),
        (#"{not: {topic: "zeek"}}"#, false),
    ])
    func dropsByCondition(_ condition: String, _ isDropped: Bool) throws {
        let value =
            #"{"event":{"code":4658},"process":{"name":"powershell.exe"},"tags":["a","b"],"source.ip":"10.1.2.3","ok":true}"#
        #expect((try apply("{type: \"drop\", if: \(condition)}", value) == nil) == isDropped)
    }

    @Test(arguments: [
        ("{}", "a condition asks exactly one of"), (#"{field: "a"}"#, "exactly one of"),
        (#"{field: "a", equals: 1, in: []}"#, "exactly one of"),
        (#"{topic: "a", field: "b"}"#, "if.field: has no place here"),
        (#"{equals: 1}"#, "field"),
        (#"{field: "a", equal: 1}"#, "if.equal: unknown key; did you mean equals?"),
        (#"{field: "a", cidr: ["10.0.0.0/33"]}"#, "'10.0.0.0/33' is no network"),
    ])
    func refusesConditions(_ condition: String, _ problem: String) {
        #expect {
            try transform("{type: \"drop\", if: \(condition)}")
        } throws: {
            "\($0)".contains(problem)
        }
    }

    @Test func localityTellsOursFromTheirs() throws {
        let configuration = #"{type: "locality", networks: ["10.0.0.0/8", "2001:db8::/32"]}"#
        #expect(
            try apply(
                configuration, #"{"source":{"ip":"10.1.1.1"},"destination":{"ip":"8.8.8.8"}}"#)
                == #"{"source":{"ip":"10.1.1.1","locality":"local"},"destination":{"ip":"8.8.8.8","locality":"remote"},"network":{"direction":"outbound"}}"#
        )
        #expect(
            try apply(configuration, #"{"source.ip":"2001:DB8::7"}"#)
                == #"{"source.ip":"2001:DB8::7","source":{"locality":"local"}}"#)
        for (source, destination, direction) in [
            ("10.0.0.1", "10.0.0.2", "internal"), ("1.1.1.1", "10.0.0.2", "inbound"),
            ("1.1.1.1", "2.2.2.2", "external"),
        ] {
            let result = try apply(
                configuration,
                #"{"source":{"ip":"\#(source)"},"destination":{"ip":"\#(destination)"}}"#)
            #expect(result?.contains(#""direction":"\#(direction)""#) == true)
        }
        #expect(
            try apply(configuration, #"{"source":{"ip":"no address"}}"#)
                == #"{"source":{"ip":"no address"}}"#)
    }

    @Test func networksComeFromAZeekFile() throws {
        let list = try LocalityTransform.networks(
            inZeekFile: "# ours\n10.0.0.0/8\tPrivate IP space\n\nfd00::/8 # lab\n")
        #expect(list.contains(IPAddress("10.2.3.4")!))
        #expect(list.contains(IPAddress("fd12::1")!))
        #expect(!list.contains(IPAddress("11.0.0.1")!))
        #expect(throws: TransformError("line 2: 'ten' is no network")) {
            try LocalityTransform.networks(inZeekFile: "10.0.0.0/8\nten\n")
        }
    }

    @Test func ecsAddsWhatIsMissing() throws {
        #expect(
            try apply(#"{type: "ecs"}"#, #"{"a":1}"#)
                == #"{"a":1,"@timestamp":"2026-01-01T00:00:00.123Z","ecs":{"version":"9.4.0"},"event":{"kind":"event","dataset":"zeek"}}"#
        )
        #expect(
            try apply(#"{type: "ecs", timestamp: "ts"}"#, #"{"ts":1767225601.5}"#)?
                .contains(#""@timestamp":"2026-01-01T00:00:01.500Z""#) == true)
        // What is there stays, also where it is not what ECS asks for.
        #expect(
            try apply(#"{type: "ecs"}"#, #"{"@timestamp":"x","event":"y"}"#)
                == #"{"@timestamp":"x","event":"y","ecs":{"version":"9.4.0"}}"#)
    }

    @Test func ecsNamesWindowsFields() throws {
        let event =
            #"{"EventID":3,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"WORKSTATION5","UtcTime":"2020-09-21 05:40:13.123","SourceIp":"172.18.39.5","DestinationPort":"445","Image":"C:\\x.exe"}"#
        let result = try #require(try apply(#"{type: "ecs"}"#, event))
        let root = try JSONDocument(ByteSlice(result)).root
        #expect(root.field("@timestamp")?.string == "2020-09-21T05:40:13.123Z")
        #expect(root.field("event.code")?.text == "3")
        #expect(root.field("host.name")?.string == "WORKSTATION5")
        #expect(root.field("source.ip")?.string == "172.18.39.5")
        #expect(root.field("destination.port")?.string == "445")
        #expect(root.field("process.executable")?.string == #"C:\x.exe"#)
    }
}
