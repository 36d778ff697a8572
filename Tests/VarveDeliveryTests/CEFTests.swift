import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveDelivery

@Suite struct CEFTests {
    private let cef = CEF(vendor: "Varve", product: "Varve", version: "1")

    private func text(_ value: String, bytesMax: Int = 8192) -> String {
        let event = Event.text(value, offset: 7)
        return cef.text(event, EventBody(event), bytesMax: bytesMax).string
    }

    /// Takes a message apart again, by CEF's rules.
    private func parse(_ text: String) -> (header: [String], fields: [String: String]) {
        var header: [String] = [""]
        var rest = text[...]
        while header.count <= 7, let character = rest.popFirst() {
            if character == "\\", let next = rest.popFirst() {
                header[header.count - 1].append(next)
            } else if character == "|" {
                header.append("")
            } else {
                header[header.count - 1].append(character)
            }
        }
        var fields: [String: String] = [:]
        var key = ""
        var value = ""
        var word = ""
        // A key is the word before an unescaped '='; what stands before it belongs to the last value.
        func flush() {
            if !key.isEmpty { fields[key] = String(value.dropLast(value.hasSuffix(" ") ? 1 : 0)) }
        }
        while let character = rest.popFirst() {
            switch character {
            case "=":
                value.removeLast(word.count)
                flush()
                key = word
                (value, word) = ("", "")
            case "\\":
                let next = rest.popFirst() ?? "\\"
                value.append(next == "n" ? "\n" : next == "r" ? "\r" : next)
                word = ""
            case " ":
                value.append(character)
                word = ""
            default:
                value.append(character)
                word.append(character)
            }
        }
        flush()
        return (Array(header.prefix(7)), fields)
    }

    @Test func ecsFieldsStandWhereCEFHasThem() {
        let (header, fields) = parse(
            text(
                #"{"@timestamp":"2026-01-01T00:00:01Z","observer":{"vendor":"Zeek","product":"IDS","version":"6"},"event":{"code":"SSH::Login","severity":7,"action":"ssh login","outcome":"failure"},"source":{"ip":"10.0.0.1","port":50022,"user":{"name":"bob"}},"destination":{"ip":"10.0.0.2","port":22},"network":{"transport":"tcp","protocol":"ssh"},"host":{"name":"sensor1"},"message":"a=b|c\\d\ne"}"#
            ))
        #expect(header == ["CEF:0", "Zeek", "IDS", "6", "SSH::Login", "ssh login", "7"])
        #expect(fields["src"] == "10.0.0.1" && fields["spt"] == "50022" && fields["dpt"] == "22")
        #expect(fields["suser"] == "bob" && fields["proto"] == "tcp" && fields["app"] == "ssh")
        #expect(fields["act"] == "ssh login" && fields["outcome"] == "failure")
        #expect(fields["rt"] == "1767225601000")
        #expect(fields["dvchost"] == "sensor1")
        #expect(fields["externalId"] == "zeek-0-7")
        #expect(fields["msg"] == "a=b|c\\d\ne")
    }

    @Test func windowsAndSysmonFieldsStandWhereCEFHasThem() {
        let (header, fields) = parse(
            text(
                #"{"EventID":3,"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon","Hostname":"WS5","UtcTime":"2020-09-21 05:40:13.123","SourceIp":"172.18.39.5","SourcePort":"50000","DestinationIp":"172.18.39.6","DestinationPort":"135","Protocol":"tcp","Image":"C:\\Windows\\x.exe","User":"WS5\\bob","Category":"Network connection detected","Message":"Network connection detected:\r\nRuleName: -"}"#
            ))
        #expect(
            header == [
                "CEF:0", "Microsoft", "Microsoft-Windows-Sysmon", "1", "3",
                "Network connection detected", "3",
            ])
        #expect(
            fields["src"] == "172.18.39.5" && fields["dst"] == "172.18.39.6"
                && fields["dpt"] == "135")
        #expect(fields["sproc"] == #"C:\Windows\x.exe"# && fields["suser"] == #"WS5\bob"#)
        #expect(fields["dvchost"] == "WS5" && fields["rt"] == "1600666813123")
        #expect(fields["msg"] == "Network connection detected:\r\nRuleName: -")
    }

    @Test func noEventBringsAMessageOfItsOwn() {
        var generator = Generator("noEventBringsAMessageOfItsOwn")
        let pieces = [
            "\n", "\r", "\\", "|", "=", " ", "a", "CEF:0|", "\u{85}", "\u{2028}", "\u{0}", "\t",
            "é",
        ]
        for _ in 0..<500 {
            let nasty = (0..<10).map { _ in pieces.randomElement(using: &generator)! }.joined()
            var writer = ByteWriter()
            writer.utf8("{\"observer\":{\"vendor\":")
            writer.jsonString(nasty)
            writer.utf8("},\"event\":{\"code\":\"x")
            writer.utf8("\",\"action\":")
            writer.jsonString(nasty)
            writer.utf8("},\"message\":")
            writer.jsonString(nasty)
            writer.utf8("}")
            let result = text(writer.finish().string)
            #expect(
                result.unicodeScalars.allSatisfy {
                    $0.value >= 0x20 && $0.value != 0x85 && $0.value != 0x2028
                })
            let (header, fields) = parse(result)
            let plain = String(
                nasty.unicodeScalars.map {
                    $0.value < 0x20 || $0.value == 0x85 || $0.value == 0x2028 ? " " : Character($0)
                })
            #expect(header[1] == String(plain.prefix(63)))
            #expect(header[4] == "x")
            if let message = fields["msg"] {
                #expect(message.filter { $0 == "|" }.count == nasty.filter { $0 == "|" }.count)
            }
        }
    }

    @Test func longTextIsCutAndNothingElse() {
        let result = text(
            #"{"source":{"ip":"10.0.0.1"},"message":"\#(String(repeating: "\\\\é", count: 4000))"}"#,
            bytesMax: 500)
        #expect(result.utf8.count <= 500)
        let (_, fields) = parse(result)
        #expect(fields["src"] == "10.0.0.1")
        #expect(fields["msg"]?.hasSuffix("…") == true)
    }

    @Test func severitiesComeFromNumbersAndWords() {
        for (value, severity) in [
            (#"{"event":{"severity":99}}"#, "10"), (#"{"event":{"severity":-1}}"#, "0"),
            (#"{"log":{"level":"Critical"}}"#, "8"), (#"{"log":{"level":"what"}}"#, "3"),
            ("plain", "3"),
        ] {
            #expect(parse(text(value)).header[6] == severity)
        }
    }
}
