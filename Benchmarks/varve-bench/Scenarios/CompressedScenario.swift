import Foundation

/// Events as shippers send them: lines of JSON of about 2.3 KB, compressed by the client.
enum CompressedScenario {
    static let eventBytes = 2300

    static var produce: Scenario {
        Scenario(
            name: "produce-lz4",
            summary: "events of 2.3 KB, LZ4 from the client, acks=all, librdkafka",
            marks: [
                .brokerCPU(atMost: 0.3),
                Mark(
                    text: "the same without varve.produce.check.compressed", bound: .atMost(0.3),
                    value: { $0["varve-unchecked"]?.brokerCPUPerGigabyte }),
                .rate(over: "mock", atLeast: 0.85),
            ]
        ) { bench in
            let load = Load(
                recordBytes: eventBytes, records: 600_000, codec: "lz4",
                lines: try bench.options.events ?? LookAlikeEvents.file(bench))
            var servers = try Peers.all(bench, kafkaOnly: true)
            servers.append(
                try VarveServer(bench, settings: ["varve.produce.check.compressed=false"]))
            return servers.enumerated().map { index, server in
                Producing(
                    server, load, bench,
                    name: index == servers.count - 1 ? "varve-unchecked" : nil)
            }
        }
    }
}

/// Made-up events that look, and compress, like those of Windows in ECS.
enum LookAlikeEvents {
    private static let bytes = 1 << 20

    /// Writes a file of them, the same in each run.
    static func file(_ bench: Workbench) throws -> String {
        let path = bench.directory + "/events"
        if FileManager.default.fileExists(atPath: path) { return path }
        var events = EventWriter()
        var text = ""
        while text.utf8.count < bytes { text += events.next() + "\n" }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }
}

/// Writes such events, from a generator of its own.
private struct EventWriter {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    private mutating func random() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 16
    }

    private mutating func pick(_ words: String...) -> String {
        words[Int(random() >> 17) % words.count]
    }

    private mutating func number(_ digits: Int) -> String {
        String(String(random(), radix: 10).suffix(digits))
    }

    private mutating func identifier() -> String { String(random(), radix: 16) }

    /// A stack of return addresses, half of what such an event is.
    private mutating func trace() -> String {
        var calls: [String] = []
        for _ in 0..<16 {
            let module = pick("ntdll", "KERNELBASE", "rpcrt4", "combase")
            calls.append(#"C:\\Windows\\SYSTEM32\\\#(module).dll+"# + identifier().prefix(5))
        }
        return calls.joined(separator: "|")
    }

    mutating func next() -> String {
        let host = pick("WKS-04", "DC-01", "SRV-FILE") + ".example.org"
        let program = pick("svchost", "lsass", "services")
        let calls = trace()
        return [
            #"{"@timestamp":"2024-05-14T12:14:07.\#(number(3))Z","event":{"#,
            #""code":"\#(pick("4624", "4688", "5156", "10"))","kind":"event","#,
            #""provider":"Microsoft-Windows-Sysmon","#,
            #""action":"\#(pick("ProcessAccess", "logged-in", "process-started"))"},"#,
            #""host":{"name":"\#(host)","id":"\#(identifier())","#,
            #""os":{"family":"windows","kernel":"10.0.19041.1","version":"10.0"}},"#,
            #""winlog":{"channel":"Security","record_id":1\#(number(6)),"#,
            #""computer_name":"\#(host)","process":{"pid":1\#(number(3))},"#,
            #""event_data":{"SourceImage":"C:\\Windows\\System32\\\#(program).exe","#,
            #""TargetImage":"C:\\Program Files\\\#(pick("Agent", "Office"))\\run.exe","#,
            #""CallTrace":"\#(calls)","GrantedAccess":"0x\#(number(4))","#,
            #""SourceProcessGUID":"{\#(identifier())-\#(identifier())}","#,
            #""SubjectUserName":"\#(pick("SYSTEM", "ada", "grace", "svc-backup"))"}},"#,
            #""message":"Process accessed:\nRuleName: -\nSourceProcessId: \#(number(4))"#,
            #"\nTargetProcessId: \#(number(4))\nCallTrace: \#(calls)\nUtcTime: 2024-05-14"}"#,
        ].joined()
    }
}
