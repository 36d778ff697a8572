/// Who a client is: the subject of the certificate that its TLS showed, as
/// `ssl.principal.mapping.rules` writes it, or ANONYMOUS. Source: Kafka's `KafkaPrincipal`.
package struct Principal: Equatable, Sendable {
    /// What quotas know it by.
    package let name: String
    /// As rules, settings and the log write it: `User:` and the name.
    package let text: String

    package init(name: String) {
        self.name = name
        text = Self.prefix + name
    }

    static let prefix = "User:"
    /// Whose connection is plain, or whose TLS showed no certificate.
    package static let anonymous = Principal(name: "ANONYMOUS")
}
