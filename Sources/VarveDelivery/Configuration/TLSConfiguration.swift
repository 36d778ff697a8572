package import VarvePlatform

/// The `tls` object of a configuration: with whom a client's TLS is made, and as whom.
///
///     tls: { ca: "ca.pem", certificate: "client.pem", key: "client.key" }
///
/// Paths count from the configuration's directory. `keyPassword` may be `env:NAME` or `file:PATH`.
package struct TLSConfiguration: Decodable, Sendable {
    package let settings: TLSSettings

    private enum Key: String, CodingKey, CaseIterable {
        case ca, certificate, key, keyPassword, verifyHostName
    }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        func file(_ key: Key) throws -> PEMSource? {
            guard let path = try keys.decodeIfPresent(String.self, forKey: key) else { return nil }
            guard !path.isEmpty else { throw keys.failure(key, "is empty") }
            return .file(decoder.resolved(path))
        }
        var settings = TLSSettings()
        settings.authorities = try file(.ca)
        settings.certificates = try file(.certificate)
        settings.key = try file(.key) ?? settings.certificates
        guard settings.key == nil || settings.certificates != nil else {
            throw keys.failure(.certificate, "missing beside key")
        }
        settings.keyPassword = try keys.decodeIfPresent(Secret.self, forKey: .keyPassword)?.value
        settings.verifiesHostName = try keys.flag(.verifyHostName, default: true)
        self.settings = settings
        guard TLSContext.isBuiltIn else {
            throw ConfigurationError(
                at: decoder.codingPath,
                "this build has no TLS; build it with the package trait TLS (libssl-dev)")
        }
    }
}
