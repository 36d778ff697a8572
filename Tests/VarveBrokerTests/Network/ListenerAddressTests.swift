import Testing
import VarvePlatform

@testable import VarveBroker

/// Addresses with Kafka's names of protocols before them.
struct ListenerAddressTests {
    @Test func addressesSayTheirProtocolOrArePlain() throws {
        #expect(try ListenerAddress("localhost:9092").security == .plaintext)
        #expect(try ListenerAddress("PLAINTEXT://localhost:9092").security == .plaintext)
        let secure = try ListenerAddress("ssl://[::1]:9093")
        #expect(secure.security == .ssl)
        #expect(secure.endpoint == Endpoint(host: "::1", port: 9093))
        #expect("\(secure)" == "SSL://[::1]:9093")
        for text in ["SASL_SSL://h:1", "http://h:1", "SSL://", "SSL://h", "h", "://h:1"] {
            #expect(throws: BrokerError.self, "\(text)") { try ListenerAddress(text) }
        }
    }

    @Test func anAdvertisedAddressIsForItsKindOfListener() throws {
        let plain = try ListenerAddress("0.0.0.0:9092")
        let secure = try ListenerAddress("SSL://0.0.0.0:9093")
        let both = try AdvertisedAddresses("a:1, SSL://b:2", listeners: [plain, secure])
        #expect(both[.plaintext] == Endpoint(host: "a", port: 1))
        #expect(both[.ssl] == Endpoint(host: "b", port: 2))
        // Without a protocol it is for the plain listener, never for the other as well.
        #expect(try AdvertisedAddresses("a:1", listeners: [plain, secure])[.ssl] == nil)
        #expect(try AdvertisedAddresses("a:1", listeners: [secure])[.ssl]?.host == "a")
        #expect(try AdvertisedAddresses(nil, listeners: [plain])[.plaintext] == nil)
        for text in ["SSL://b:2", "a:1,c:2", "nothing"] {
            #expect(throws: BrokerError.self, "\(text)") {
                try AdvertisedAddresses(text, listeners: [plain])
            }
        }
    }
}
