internal import Foundation
internal import VarveDelivery
internal import VarvePlatform
internal import VarveRecords

/// Events as strangers write them, through all transforms into the form of every sink.
enum EventFuzz {
    private static let transforms: [any Transform] = [
        ParseTransform(), ParseTransform(field: "event.original", target: "parsed"),
        ECSTransform(timestamp: "EventTime"), LocalityTransform(networks: NetworkList.privateUse),
    ]
    private static let syslog = SyslogMessage(
        SyslogConfiguration(destination: .file("unused")))

    static func run(_ input: ByteSlice) {
        var reader = FuzzInput(input)
        let cut = Int(reader.byte())
        let rest = reader.rest
        let head = rest[0..<min(cut, rest.count)]
        let event = Event(
            topic: "logs", partition: 0, offset: 7, timestamp: 1_767_225_600_000,
            key: cut % 3 == 0 ? nil : head, value: rest,
            headers: cut % 2 == 0 ? [] : [RecordHeader(name: head, value: head)])
        check(event)
        do throws(TransformError) {
            if let event = try TransformPipeline(transforms).apply(event) {
                guard let value = event.value, isObject(value) else {
                    fatalError("transforms left no JSON object")
                }
                check(event)
            }
        } catch {
            // It becomes a dead letter.
        }
    }

    private static func isObject(_ value: ByteSlice) -> Bool {
        do throws(JSONError) {
            return try JSONDocument(value).root.kind == .object
        } catch {
            return false
        }
    }

    private static func check(_ event: Event) {
        let message = syslog.text(event)
        guard message.isUTF8, !message.array.contains(where: { $0 == 0x0A || $0 == 0x0D }) else {
            fatalError("a syslog message with a line end in it")
        }
        let line = ArchiveLine.make(event)
        guard line.array.dropLast().allSatisfy({ $0 != 0x0A }),
            let back = ArchiveLine.event(line[0..<line.count - 1]),
            back.value?.array == event.value?.array, back.key?.array == event.key?.array
        else { fatalError("the archive does not give back what it took") }
        _ = SearchText.text(of: event.value)
        do throws(JSONError) {
            _ = try JSONDocument(splunk.make(event))
        } catch {
            fatalError("Splunk would refuse its envelope: \(error)")
        }
    }

    private static let splunk: SplunkEvent = {
        do throws(TemplateProblem) {
            return try SplunkEvent(SplunkConfiguration(urls: [], token: "t"))
        } catch {
            fatalError("\(error)")
        }
    }()

    static var seeds: [ByteSlice] {
        [
            #"{"EventID":4625,"Channel":"Security","Hostname":"dc1","EventTime":"2026-01-01 "}"#,
            #"{"source":{"ip":"10.0.0.1"},"destination":{"ip":"2001:db8::1"},"#
                + #""message":"{\"a\":1}"}"#,
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8\n",
            "",
        ].map { FuzzInput.choosing(3 << 8 | 0x20, ByteSlice($0)) }
    }

    /// An answer to a bulk request of three, as such and with the HTTP around it, and a line of the
    /// archive.
    static func runAnswer(_ input: ByteSlice) {
        if let verdicts = BulkAnswer.verdicts(in: input, count: 3), verdicts.count != 3 {
            fatalError("\(verdicts.count) verdicts on 3 events")
        }
        if let event = ArchiveLine.event(input) { check(event) }
        let cut = input.isEmpty ? 0 : Int(input[0]) % (input.count + 1)
        let (whole, pieces) = (
            answer([input]), answer([input[0..<cut], input[cut..<input.count]])
        )
        guard whole?.status == pieces?.status, whole?.body == pieces?.body else {
            fatalError("an HTTP answer depends on the pieces it comes in")
        }
    }

    /// What is read of an answer whose bytes come in these pieces before the connection ends.
    private static func answer(_ pieces: [ByteSlice]) -> HTTPAnswer? {
        var reader = HTTPAnswerReader(bodyBytesMax: 1 << 16)
        do throws(HTTPFailure) {
            for piece in pieces {
                try piece.withUnsafeBytes { (bytes) throws(HTTPFailure) in
                    try reader.take(bytes)
                }
            }
            try reader.end()
        } catch {
            return nil
        }
        let answer = reader.finish()
        guard answer.body.count <= 1 << 16 else { fatalError("an answer beyond its bound") }
        return answer
    }

    static var answerSeeds: [ByteSlice] {
        [
            #"{"took":1,"errors":true,"items":[{"create":{"status":201}},"#
                + #"{"create":{"status":409}},{"create":{"status":400,"error":"#
                + #"{"type":"mapper","reason":"no"}}}]}"#,
            #"{"topic":"logs","partition":0,"offset":7,"timestamp":-1,"key":"k","#
                + #""headers":[{"name":"h","valueBase64":"AA=="}],"value":{"a":1}}"#,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\n{}\r\n0\r\n\r\n",
            "HTTP/1.0 500\r\n\r\nto the end",
        ].map { ByteSlice($0) }
    }
}
