internal import VarvePlatform

extension BrokerSettings {
    /// Kafka's settings of TLS, in PEM as Kafka takes it since 2.7 (KIP-651).
    static let tlsDefinitions: [SettingDefinition] = [
        .init(
            "ssl.keystore.type", .choice(["PEM"]), "PEM",
            "The form of the broker's certificate and key. Convert others to PEM with openssl."),
        .init(
            "ssl.keystore.location", .string, "",
            "A PEM file with the broker's private key, its certificate and those that lead to its "
                + "authority. Looked at every varve.ssl.reload.interval.ms."),
        .init(
            "ssl.keystore.certificate.chain", .password, "",
            "The broker's certificate and those that lead to its authority, as PEM text instead "
                + "of a file."),
        .init(
            "ssl.keystore.key", .password, "", "The broker's private key, as PEM text."),
        .init(
            "ssl.key.password", .password, "",
            "What the private key is encrypted with; env:NAME and file:PATH name where it stands."),
        .init(
            "ssl.truststore.type", .choice(["PEM"]), "PEM",
            "The form of the authorities. Convert others to PEM with openssl."),
        .init(
            "ssl.truststore.location", .string, "",
            "A PEM file of the authorities whose client certificates count."),
        .init(
            "ssl.truststore.certificates", .password, "",
            "The authorities of client certificates, as PEM text instead of a file."),
        .init(
            "ssl.client.auth", .choice(TLSSettings.ClientAuthentication.allCases.map(\.rawValue)),
            "none", "Whether clients have to show a certificate: required, requested or none."),
        .init(
            principalMappingName, .string, "DEFAULT",
            "What clients with certificates are called in access rules and quotas: the first of "
                + "these rules that fits the certificate's subject says. DEFAULT is the subject, "
                + "RULE:pattern/replacement/ or with an L or a U behind it rewrites it."),
        .init(
            "ssl.enabled.protocols", .list,
            TLSVersion.allCases.map(\.rawValue).joined(separator: ","),
            "The versions of TLS that are spoken."),
        .init(
            "varve.ssl.reload.interval.ms", .long(0...Int64.max), "60000",
            "How often the files are looked at; what has changed counts for connections from then "
                + "on. 0 reads them at the start only."),
        .init(
            "varve.ssl.handshake.ms", .long(1...Int64(Int32.max)), "10000",
            "A client that has not finished its handshake after so long is closed."),
        .init(
            "varve.ssl.handshakes.max", .int(1...Int64(Int32.max)), "1000",
            "Unfinished handshakes at once; a further client takes the place of the oldest."),
    ]

    /// What the SSL listeners among `listeners` are made from; nil when there are none.
    /// - Throws: `.badSetting` that names what is missing or cannot be.
    func tls(listeners: [ListenerAddress]) throws(BrokerError) -> TLSSettings? {
        if !TLSContext.isBuiltIn, let name = overrides.keys.filter(Self.isTLS).min() {
            throw .badSetting(name: name, reason: Self.notBuiltIn)
        }
        guard let listener = listeners.first(where: { $0.security == .ssl }) else { return nil }
        guard TLSContext.isBuiltIn else {
            throw .badAddress("\(listener)", reason: Self.notBuiltIn)
        }
        return try tls()
    }

    private static let notBuiltIn =
        "this build has no TLS; build it with the package trait TLS (libssl-dev)"

    private static func isTLS(_ name: String) -> Bool {
        name.hasPrefix("ssl.") || name.hasPrefix("varve.ssl.")
    }

    private func tls() throws(BrokerError) -> TLSSettings {
        var settings = TLSSettings()
        let store = source("ssl.keystore.location", "ssl.keystore.certificate.chain")
        settings.certificates = store
        settings.key =
            isSet("ssl.keystore.key")
            ? .inline(value(of: "ssl.keystore.key"), name: "ssl.keystore.key") : store
        guard settings.certificates != nil else {
            throw .badSetting(
                name: "ssl.keystore.location",
                reason: "an SSL listener needs a PEM file with its certificate and private key")
        }
        if isSet("ssl.keystore.certificate.chain") && isSet("ssl.keystore.location") {
            throw .badSetting(
                name: "ssl.keystore.certificate.chain",
                reason: "only one of it and ssl.keystore.location may be set")
        }
        settings.keyPassword = isSet("ssl.key.password") ? try secret("ssl.key.password") : nil
        settings.authorities = source("ssl.truststore.location", "ssl.truststore.certificates")
        settings.clientAuthentication =
            TLSSettings.ClientAuthentication(rawValue: value(of: "ssl.client.auth")) ?? .none
        settings.versions = []
        for name in value(of: "ssl.enabled.protocols").split(separator: ",") {
            guard let version = TLSVersion(rawValue: String(name.filter { $0 != " " })) else {
                throw .badSetting(
                    name: "ssl.enabled.protocols",
                    reason: "\"\(name)\" is none of "
                        + TLSVersion.allCases.map(\.rawValue).joined(separator: ", "))
            }
            settings.versions.insert(version)
        }
        return settings
    }

    /// The value of a password, which may stand elsewhere: `env:NAME` is an environment variable,
    /// `file:PATH` the first line of a file.
    private func secret(_ name: String) throws(BrokerError) -> String {
        let text = value(of: name)
        if text.hasPrefix("env:") {
            let variable = String(text.dropFirst(4))
            guard let found = ProcessControl.environment(variable) else {
                throw .badSetting(
                    name: name, reason: "the environment has no variable \(variable)")
            }
            return found
        }
        guard text.hasPrefix("file:") else { return text }
        do throws(SystemError) {
            let content = try PosixDisk().readAll(String(text.dropFirst(5)), bytesMax: 64 << 10)
            return String(content.string.prefix { !$0.isNewline })
        } catch {
            throw .badSetting(name: name, reason: "\(error)")
        }
    }

    private func source(_ file: String, _ text: String) -> PEMSource? {
        if isSet(text) { return .inline(value(of: text), name: text) }
        return isSet(file) ? .file(value(of: file)) : nil
    }
}

extension RunningBroker {
    /// Reads certificate and key before anything else is begun.
    static func identity(
        _ settings: TLSSettings?, now: Int64, logger: Logger
    ) throws(BrokerError) -> TLSIdentity? {
        guard let settings else { return nil }
        do throws(TLSError) {
            let identity = try TLSIdentity(settings, isServer: true)
            identity.tell("TLS certificate", now: now, logger: logger)
            return identity
        } catch {
            throw .badSetting(name: "ssl", reason: "\(error)")
        }
    }
}

extension TLSIdentity {
    /// Less than so long before its end, a certificate is worth a warning: two weeks.
    private static let warningMilliseconds: Int64 = 14 * 86_400_000

    /// Takes what has changed in the files, and says so.
    func reload(now: Int64, logger: Logger) {
        do throws(TLSError) {
            if try reload() { tell("TLS certificate changed", now: now, logger: logger) }
        } catch {
            logger.error("the TLS certificate stays the old one", ["error": error])
        }
    }

    fileprivate func tell(_ event: String, now: Int64, logger: Logger) {
        let context = context
        let end = context.notAfter.map { Timestamp.text(milliseconds: $0) } ?? "unknown"
        if context.notAfter ?? .max < now + Self.warningMilliseconds {
            logger.warning(
                context.notAfter ?? .max < now
                    ? "TLS certificate has expired" : "TLS certificate ends soon",
                ["subject": context.subject ?? "none", "end": end])
        } else {
            logger.info(event, ["subject": context.subject ?? "none", "end": end])
        }
    }
}
