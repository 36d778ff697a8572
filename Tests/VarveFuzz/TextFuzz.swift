internal import VarveBroker
internal import VarvePlatform

/// JSON texts and HTTP requests.
enum TextFuzz {
    /// What was read is written as a text that reads the same.
    static func runJSON(_ input: ByteSlice) {
        do throws(JSONError) {
            let root = try JSONDocument(input).root
            _ = root.field(dotted: "a.b.c")
            _ = root.text
            let value = try JSON(parsing: input)
            let written = value.text()
            guard try JSON(parsing: written).text() == written else {
                fatalError("JSON is not read as it was written: \(written)")
            }
        } catch {
            // A refusal.
        }
    }

    static var jsonSeeds: [ByteSlice] {
        [
            #"{"a":{"b":{"c":[1,-2.5e3,true,null,"t\u00e9xt \ud83d\ude00 \n"]}},"":{}}"#,
            #"[[],{},"",0,-0,1e-300,9223372036854775807,18446744073709551616]"#,
            #"{"@timestamp":"2026-01-01T00:00:00Z","message":"x","event":{"code":"4625"}}"#,
        ].map { ByteSlice($0) }
    }

    static func runHTTP(_ input: ByteSlice) {
        guard case .request(let request) = HTTPRequest.parse(input.array) else { return }
        _ = request.parameter("topic")
    }

    static var httpSeeds: [ByteSlice] {
        [
            "GET /metrics HTTP/1.1\r\nHost: varve\r\n\r\n",
            "POST /repair?topic=logs&partition=0 HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "HEAD / HTTP/1.0\n\n",
        ].map { ByteSlice($0) }
    }
}
