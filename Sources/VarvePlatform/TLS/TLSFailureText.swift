#if VARVE_TLS
    internal import COpenSSL
    internal import Glibc

    /// OpenSSL's errors as text.
    enum TLSFailureText {
        /// Empties this thread's error queue; oldest first, each as "library: reason".
        static func queue() -> String {
            var texts: [String] = []
            while true {
                let code = ERR_get_error()
                if code == 0 { break }
                let reason =
                    ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
                let library = ERR_lib_error_string(code).map { String(cString: $0) } ?? ""
                texts.append(library.isEmpty ? reason : "\(library): \(reason)")
            }
            return texts.isEmpty ? "no reason given" : texts.joined(separator: "; ")
        }

        /// What to do about a handshake that failed with `reason` (OpenSSL's SSL_R_ number).
        static func remedy(_ reason: Int32, isServer: Bool) -> String? {
            switch reason {
            case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
                "the two sides have no version in common (ssl.enabled.protocols)"
            case SSL_R_NO_SHARED_CIPHER:
                "the two sides have no cipher in common"
            case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
                "the client showed no certificate and ssl.client.auth is required"
            case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
                "the broker wants a client certificate"
            case SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
                SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
                isServer
                    ? "the client does not trust this side's certificate: give it the authority"
                    : "the server does not trust this side's certificate"
            case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
                "this side's certificate has expired, the peer says"
            default: nil
            }
        }

        /// What a peer that does not begin with a handshake record speaks instead.
        static func notTLS(_ first: [UInt8]) -> String? {
            // Types of records, and the version's first byte (RFC 8446 section 5.1): what begins
            // so is TLS. SSLv2 is no case any more.
            guard let byte = first.first else { return nil }
            if (20...24).contains(byte) && (first.count < 2 || first[1] == 3) { return nil }
            let isText = first.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 13 || $0 == 10 }
            if isText {
                let text = String(decoding: first.prefix { $0 >= 0x20 }, as: UTF8.self)
                return "it does not speak TLS: it began with \"\(text)\""
            }
            if byte == 0 {
                return "it does not speak TLS: this looks like Kafka's protocol in plain "
                    + "(security.protocol=SSL on the client, or the plain listener's port)"
            }
            let hex = first.map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined(separator: " ")
            return "it does not speak TLS: it began with \(hex)"
        }

        /// Why the peer's certificate was refused; nil when it was not.
        static func verification(_ ssl: OpaquePointer) -> String? {
            let result = SSL_get_verify_result(ssl)
            guard result != X509_V_OK else { return nil }
            let text = String(cString: X509_verify_cert_error_string(result))
            let hint: String
            switch Int32(result) {
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
                X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
                hint = "; its authority is not among the trusted ones"
            case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
                hint = "; it is for other names than the one asked for"
            case X509_V_ERR_CERT_HAS_EXPIRED: hint = "; it has to be renewed"
            case X509_V_ERR_CERT_NOT_YET_VALID: hint = "; is the clock right?"
            default: hint = ""
            }
            return "the peer's certificate was refused: \(text)\(hint)"
        }
    }
#endif
