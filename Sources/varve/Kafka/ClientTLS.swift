internal import VarveDelivery
package import VarvePlatform

/// How workers and commands make TLS with a broker: the configuration's `tls`, or the `--tls`
/// flags.
package struct ClientTLS: Sendable, Decodable {
    package var settings = TLSSettings()

    package static let options: [Option] = [
        tls, authorities, certificate, key, keyPassword, anyHost,
    ]

    private static let tls = Option("--tls", help: "talk to the broker through TLS")
    private static let authorities = Option(
        "--tls-ca", value: "FILE",
        help: "PEM of the authorities of the broker's certificate; the system's otherwise")
    private static let certificate = Option(
        "--tls-certificate", value: "FILE",
        help: "PEM of this client's certificate, where the broker wants one")
    private static let key = Option(
        "--tls-key", value: "FILE", help: "PEM of its key; the certificate's file otherwise")
    private static let keyPassword = Option(
        "--tls-key-password", value: "SOURCE",
        help: "what the key is encrypted with: env:NAME or file:PATH")
    private static let anyHost = Option(
        "--tls-any-host", help: "take a certificate that is for other host names (dangerous)")

    package init() {}

    /// What the flags say; nil when none of them is given.
    package init?(_ arguments: Arguments) throws(CommandError) {
        guard Self.options.contains(where: arguments.has) else { return nil }
        settings.authorities = arguments.string(Self.authorities).map(PEMSource.file)
        settings.certificates = arguments.string(Self.certificate).map(PEMSource.file)
        settings.key =
            arguments.string(Self.key).map(PEMSource.file) ?? settings.certificates
        if let source = arguments.string(Self.keyPassword) {
            // A password among the arguments would stand in every process list.
            guard source.hasPrefix("env:") || source.hasPrefix("file:") else {
                throw .usage("--tls-key-password: expected env:NAME or file:PATH")
            }
            do throws(ConfigurationError) {
                settings.keyPassword = try Secret(named: source).value
            } catch {
                throw .usage("--tls-key-password: \(error.problem)")
            }
        }
        settings.verifiesHostName = !arguments.has(Self.anyHost)
    }

    package init(from decoder: any Decoder) throws {
        settings = try TLSConfiguration(from: decoder).settings
    }

    /// Reads the files.
    package func identity() throws(CommandError) -> TLSIdentity {
        do throws(TLSError) {
            return try TLSIdentity(settings, isServer: false)
        } catch {
            throw .usage("TLS: \(error)")
        }
    }
}
