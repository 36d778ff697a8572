#if VARVE_TLS
    internal import COpenSSL
    internal import Glibc

    /// One side of TLS, ready for sessions: certificates, key, authorities and rules (SSL_CTX).
    ///
    /// Never changed after its making, so sessions of any threads may share it.
    package final class TLSContext: @unchecked Sendable {
        // SAFETY: OpenSSL counts references and locks inside; nothing is set after init.

        /// Whether this build has TLS.
        package static let isBuiltIn = true

        let pointer: OpaquePointer
        let isServer: Bool
        let verifiesHostName: Bool
        /// Whose certificate this side shows; nil when it has none.
        package let subject: String?
        /// When that certificate ends, in milliseconds since 1970.
        package let notAfter: Int64?

        /// For a listener.
        /// - Throws: `.configuration` or `.io`, naming the file or setting that cannot be used.
        package static func server(_ settings: TLSSettings) throws(TLSError) -> TLSContext {
            try make(settings, isServer: true)
        }

        /// For connections that this process makes.
        package static func client(_ settings: TLSSettings) throws(TLSError) -> TLSContext {
            try make(settings, isServer: false)
        }

        /// Takes over `pointer`.
        private init(
            owning pointer: OpaquePointer, _ settings: TLSSettings, isServer: Bool,
            leaf: X509Certificate?
        ) {
            self.pointer = pointer
            self.isServer = isServer
            verifiesHostName = settings.verifiesHostName
            subject = leaf?.subject
            notAfter = leaf?.notAfter
        }

        private static func make(
            _ settings: TLSSettings, isServer: Bool
        ) throws(TLSError) -> TLSContext {
            ERR_clear_error()
            guard let pointer = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method())
            else { throw .configuration(subject: "TLS", reason: TLSFailureText.queue()) }
            do throws(TLSError) {
                let leaf = try identity(settings, pointer, isServer: isServer)
                try rules(settings, pointer)
                try trust(settings, pointer, isServer: isServer)
                return TLSContext(owning: pointer, settings, isServer: isServer, leaf: leaf)
            } catch {
                SSL_CTX_free(pointer)
                throw error
            }
        }

        deinit { SSL_CTX_free(pointer) }

        /// Sets certificate, chain and key; returns the certificate.
        private static func identity(
            _ settings: TLSSettings, _ context: OpaquePointer, isServer: Bool
        ) throws(TLSError) -> X509Certificate? {
            guard let source = settings.certificates, let keySource = settings.key else {
                if !isServer && settings.certificates == nil && settings.key == nil { return nil }
                throw .configuration(
                    subject: "TLS",
                    reason: settings.certificates == nil
                        ? "a private key needs its certificate"
                        : "a certificate needs its private key")
            }
            var chain = try PEM.certificates(try PEM.bytes(source), source)
            let key = try PEM.key(
                try PEM.bytes(keySource), keySource, password: settings.keyPassword)
            // The order in files varies; the one that fits the key is ours.
            let own = chain.firstIndex { X509_check_private_key($0.pointer, key.pointer) == 1 }
            ERR_clear_error()
            guard let own else {
                throw .configuration(
                    subject: "\(keySource)",
                    reason: "this private key belongs to none of the certificates in \(source) "
                        + "(the first is \(chain[0].subject))")
            }
            let leaf = chain.remove(at: own)
            guard SSL_CTX_use_certificate(context, leaf.pointer) == 1,
                SSL_CTX_use_PrivateKey(context, key.pointer) == 1
            else { throw .configuration(subject: "\(source)", reason: TLSFailureText.queue()) }
            for certificate in chain {
                guard varve_ssl_add_chain(context, certificate.pointer) == 1 else {
                    throw .configuration(subject: "\(source)", reason: TLSFailureText.queue())
                }
            }
            return leaf
        }

        private static func rules(
            _ settings: TLSSettings, _ context: OpaquePointer
        ) throws(TLSError) {
            varve_ssl_harden(context)
            guard !settings.versions.isEmpty else {
                throw .configuration(subject: "TLS", reason: "no version of the protocol is on")
            }
            let lowest = settings.versions.contains(.v12) ? TLS1_2_VERSION : TLS1_3_VERSION
            let highest = settings.versions.contains(.v13) ? TLS1_3_VERSION : TLS1_2_VERSION
            guard varve_ssl_versions(context, lowest, highest) == 1 else {
                throw .configuration(subject: "TLS", reason: TLSFailureText.queue())
            }
        }

        private static func trust(
            _ settings: TLSSettings, _ context: OpaquePointer, isServer: Bool
        ) throws(TLSError) {
            if isServer {
                // Without it a ticket of a client with a certificate is refused (SSL(3),
                // SSL_CTX_set_session_id_context).
                let name: [UInt8] = Array("varve".utf8)
                SSL_CTX_set_session_id_context(context, name, UInt32(name.count))
            }
            guard !isServer || settings.clientAuthentication != .none else { return }
            if let source = settings.authorities {
                let store = SSL_CTX_get_cert_store(context)
                for authority in try PEM.certificates(try PEM.bytes(source), source) {
                    guard X509_STORE_add_cert(store, authority.pointer) == 1 else {
                        throw .configuration(
                            subject: "\(source)", reason: TLSFailureText.queue())
                    }
                    // Tells clients which of their certificates to show.
                    if isServer { SSL_CTX_add_client_CA(context, authority.pointer) }
                }
            } else if isServer {
                throw .configuration(
                    subject: "ssl.client.auth=\(settings.clientAuthentication.rawValue)",
                    reason: "needs the authorities of the clients' certificates: "
                        + "set ssl.truststore.location")
            } else {
                guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                    throw .configuration(
                        subject: "the system's authorities", reason: TLSFailureText.queue())
                }
            }
            var mode = SSL_VERIFY_PEER
            if settings.clientAuthentication == .required {
                mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT
            }
            SSL_CTX_set_verify(context, mode, nil)
        }
    }
#endif
