import Testing
import VarvePlatform

@Suite struct NumericAddressTests {
    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:a00:1", "10.0.0.1"), ("fe80:0:0:0:0:0:0:1%eth0", "fe80::1%eth0"),
        ("*", "*"), ("", ""), ("no:address", "no:address"), ("unknown", "unknown"),
    ])
    func equalAddressesAreEqualTexts(text: String, expected: String) {
        #expect(NumericAddress.canonical(text) == expected)
    }

    /// What access rules and groups go by: an IPv4 client is one whatever the listener is for.
    @Test func aPeerIsNamedByItsOwnAddress() throws {
        let listener: Socket
        do {
            listener = try Socket.listen(Endpoint(host: "::", port: 0))
        } catch {
            // A machine without IPv6 has no such listeners.
            return
        }
        let client = try Socket.connect(
            Endpoint(host: "127.0.0.1", port: listener.localPort), timeoutMilliseconds: 5000)
        #expect(try listener.waitReadable(timeoutMilliseconds: 5000))
        guard let accepted = try listener.accept() else {
            Issue.record("nobody came")
            return
        }
        let names = [accepted.peer, accepted.localHost]
        #expect(names == ["127.0.0.1", "127.0.0.1"])
        client.shutdown()
    }
}
