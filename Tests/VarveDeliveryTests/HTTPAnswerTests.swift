import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveDelivery

@Suite struct HTTPAnswerTests {
    /// Reads `text` in pieces of random sizes; the connection ends behind it where `ends`.
    private func read(
        _ text: String, ends: Bool = false, bodyBytesMax: Int = 1000,
        _ generator: inout Generator
    ) throws(HTTPFailure) -> (answer: HTTPAnswer, isKept: Bool)? {
        var reader = HTTPAnswerReader(bodyBytesMax: bodyBytesMax)
        var rest = ByteSlice(text)
        while !rest.isEmpty {
            let piece = rest[0..<min(rest.count, generator.int(1...40))]
            try piece.withUnsafeBytes { (bytes) throws(HTTPFailure) in try reader.take(bytes) }
            rest = rest[piece.count..<rest.count]
        }
        if ends { try reader.end() }
        guard reader.isComplete else { return nil }
        return (reader.finish(), reader.keepsConnection)
    }

    @Test func everyFormOfABodyIsRead() throws {
        var generator = Generator("everyFormOfABodyIsRead")
        let cases: [(text: String, ends: Bool, status: Int, body: String, isKept: Bool)] = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true),
            ("HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello", false, 200, "hello", true),
            ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", false, 200, "hello", true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "3\r\nhel\r\nA;x=y\r\nlo again, \r\n0\r\nTrailer: t\r\n\r\n",
                false, 200, "hello again, ", true
            ),
            ("HTTP/1.1 500 No\r\n\r\nto the end", true, 500, "to the end", false),
            ("HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true),
            (
                "HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n"
                    + "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
                false, 413, "no", false
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", false),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false,
                200, "", true
            ),
            // More than the answer: the connection is out of step.
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1", false, 200, "ok", false),
        ]
        for (text, ends, status, body, isKept) in cases {
            for _ in 0..<50 {
                let found = try #require(try read(text, ends: ends, &generator))
                #expect(found.answer.status == status, "\(text)")
                #expect(found.answer.body == ByteSlice(body), "\(text)")
                #expect(found.isKept == isKept, "\(text)")
            }
        }
    }

    @Test func whatIsNoAnswerIsRefused() {
        var generator = Generator("whatIsNoAnswerIsRefused")
        let long = String(repeating: "x", count: 20_000)
        let many = String(repeating: "A: b\r\n", count: 20_000)
        for text in [
            "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/2 200\r\n", "HTTP/1.1 abc\r\n", "HTTP/1.1 99 x\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nX: " + long, "HTTP/1.1 200 OK\r\n" + many,
            "HTTP/1.1 200 OK\r\n\r\n" + long,
        ] {
            #expect(throws: HTTPFailure.self, "\(text.prefix(80))") {
                _ = try read(text, &generator)
            }
        }
        for text in [
            "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        ] {
            #expect(throws: HTTPFailure.self, "\(text)") {
                _ = try read(text, ends: true, &generator)
            }
        }
    }

    @Test func urlsAreTakenApart() throws {
        let plain = try #require(HTTPTarget("http://search1:9200/_bulk?a=b"))
        let search1 = Endpoint(host: "search1", port: 9200)
        #expect(plain.origin == .init(endpoint: search1, isSecure: false))
        #expect(plain.host == "search1:9200" && plain.path == "/_bulk?a=b")
        let secure = try #require(HTTPTarget("https://[::1]"))
        #expect(secure.origin == .init(endpoint: .init(host: "::1", port: 443), isSecure: true))
        #expect(secure.host == "[::1]" && secure.path == "/")
        for text in [
            "ftp://a", "http://", "http://a:b/", "http://u@a/", "http://a/x y",
            "http://a/\r\nX: y",
        ] {
            #expect(HTTPTarget(text) == nil, "\(text)")
        }
    }
}
