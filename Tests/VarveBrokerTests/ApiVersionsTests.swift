import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

struct ApiVersionsTests {
    @Test(arguments: Int16(0)...4)
    func everyVersionListsWhatIsServed(version: Int16) throws {
        let test = try TestBroker()
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "test-client"
        request.clientSoftwareVersion = "1.2"
        let response = try test.client().ask(request, version: version)
        #expect(response.errorCode == .none)
        #expect(response.apiKeys.count == AdvertisedVersions.served.count)
        #expect(response.apiKeys.map(\.apiKey) == response.apiKeys.map(\.apiKey).sorted())
        #expect(response.finalizedFeatures.isEmpty)
    }

    @Test func anUnknownVersionIsAnsweredInVersion0WithTheRange() throws {
        let test = try TestBroker()
        let client = try test.client()
        // Version 9 in the flexible form: header tags, then a body nobody can know.
        try client.send(
            ByteSlice([0, 0, 0, 14, 0, 18, 0, 9, 0, 0, 0, 5, 0xFF, 0xFF, 0, 1, 2, 3]))
        let (id, response) = try decodeResponse(
            to: ApiVersionsRequest.self, version: 0, frame: client.frame())
        #expect(id == 5)
        #expect(response.errorCode == .unsupportedVersion)
        #expect(response.apiKeys.map(\.apiKey) == [18])
        #expect(response.apiKeys[0].maxVersion == 4)
        // The connection stays open for the second try.
        _ = try client.ask(ApiVersionsRequest(), version: 0)
    }

    @Test(arguments: ["", "-x", "x-", "a b", "a\u{0}"])
    func softwareNamesThatAreNoneAreRefused(name: String) throws {
        let test = try TestBroker()
        var request = ApiVersionsRequest()
        request.clientSoftwareName = name
        request.clientSoftwareVersion = "1"
        #expect(try test.client().ask(request, version: 3).errorCode == .invalidRequest)
    }

    @Test func whatIsServedCanBeCoded() {
        for (api, versions) in AdvertisedVersions.served {
            #expect(api.versions.contains(versions.lowerBound))
            #expect(api.versions.contains(versions.upperBound))
        }
    }

    @Test func whatIsNotServedClosesTheConnection() throws {
        let test = try TestBroker()
        // SaslHandshake, and Metadata of a version to come.
        for header: [UInt8] in [[0, 17, 0, 1], [0, 3, 0, 99]] {
            let client = try test.client()
            try client.send(ByteSlice([0, 0, 0, 10] + header + [0, 0, 0, 5, 0xFF, 0xFF]))
            #expect(client.closes())
        }
    }
}
