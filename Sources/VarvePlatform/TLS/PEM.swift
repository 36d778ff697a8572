#if VARVE_TLS
    internal import COpenSSL
    internal import Glibc

    /// One certificate; freed with its last reference.
    final class X509Certificate {
        let pointer: OpaquePointer

        init(owning pointer: OpaquePointer) { self.pointer = pointer }

        deinit { X509_free(pointer) }

        /// Whose it is, as `DistinguishedName` writes it.
        var subject: String {
            DistinguishedName.text(of: X509_get_subject_name(pointer))
        }

        /// When it ends, in milliseconds since 1970; nil when its date cannot be read.
        var notAfter: Int64? {
            var parts = tm()
            guard ASN1_TIME_to_tm(X509_get0_notAfter(pointer), &parts) == 1 else { return nil }
            return Int64(timegm(&parts)) * 1000
        }
    }

    /// One private key; freed, and wiped by OpenSSL, with its last reference.
    final class PrivateKey {
        let pointer: OpaquePointer

        init(owning pointer: OpaquePointer) { self.pointer = pointer }

        deinit { EVP_PKEY_free(pointer) }
    }

    /// Reads PEM (RFC 7468).
    enum PEM {
        /// Files of certificates are small; the system's whole list of authorities is 0.2 MiB.
        static let bytesMax = 16 << 20

        /// The bytes of `source`.
        static func bytes(_ source: PEMSource) throws(TLSError) -> ByteSlice {
            switch source {
            case .inline(let text, _): return ByteSlice(text)
            case .file(let path):
                do throws(SystemError) {
                    return try PosixDisk().readAll(path, bytesMax: bytesMax)
                } catch {
                    throw .io(error)
                }
            }
        }

        /// All certificates in `bytes`, in their order; at least one.
        static func certificates(
            _ bytes: ByteSlice, _ source: PEMSource
        ) throws(TLSError) -> [X509Certificate] {
            var found: [X509Certificate] = []
            let bio = memory(bytes)
            defer { BIO_free(bio) }
            ERR_clear_error()
            while let next = PEM_read_bio_X509(bio, nil, noPassword, nil) {
                found.append(X509Certificate(owning: next))
            }
            // The end of the data is an error of its own (PEM_R_NO_START_LINE); others are damage.
            let last = varve_error_reason(ERR_peek_last_error())
            if last != PEM_R_NO_START_LINE {
                throw .configuration(
                    subject: "\(source)",
                    reason: "certificate \(found.count + 1) is damaged: \(TLSFailureText.queue())")
            }
            ERR_clear_error()
            guard !found.isEmpty else {
                throw .configuration(
                    subject: "\(source)",
                    reason: "there is no certificate in it (-----BEGIN CERTIFICATE-----); "
                        + "PKCS12 and JKS files have to be converted to PEM")
            }
            return found
        }

        /// The private key in `bytes`.
        static func key(
            _ bytes: ByteSlice, _ source: PEMSource, password: String?
        ) throws(TLSError) -> PrivateKey {
            let bio = memory(bytes)
            defer { BIO_free(bio) }
            ERR_clear_error()
            // Without a callback of ours OpenSSL would ask at the terminal.
            let key =
                if let password {
                    password.withCString { text in
                        PEM_read_bio_PrivateKey(
                            bio, nil, givePassword, UnsafeMutableRawPointer(mutating: text))
                    }
                } else {
                    PEM_read_bio_PrivateKey(bio, nil, noPassword, nil)
                }
            if let key { return PrivateKey(owning: key) }
            let text = bytes.string
            let isEncrypted = text.contains("ENCRYPTED")
            let detail = TLSFailureText.queue()
            throw .configuration(
                subject: "\(source)",
                reason: !text.contains("PRIVATE KEY-----")
                    ? "there is no private key in it (-----BEGIN PRIVATE KEY-----)"
                    : isEncrypted
                        ? password == nil
                            ? "the private key is encrypted and no password is given "
                                + "(ssl.key.password): \(detail)"
                            : "the private key does not open with the password given: \(detail)"
                        : "the private key cannot be read: \(detail)")
        }

        private static func memory(_ bytes: ByteSlice) -> OpaquePointer {
            // A copy of the bytes in OpenSSL's own memory, so that nothing has to outlive this.
            guard let bio = BIO_new(BIO_s_mem()) else { preconditionFailure("out of memory") }
            bytes.withUnsafeBytes { raw in
                guard raw.count > 0 else { return }
                precondition(BIO_write(bio, raw.baseAddress, Int32(raw.count)) == raw.count)
            }
            return bio
        }
    }

    private func noPassword(
        _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ forWriting: Int32,
        _ password: UnsafeMutableRawPointer?
    ) -> Int32 { -1 }

    private func givePassword(
        _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ forWriting: Int32,
        _ password: UnsafeMutableRawPointer?
    ) -> Int32 {
        guard let buffer, let password else { return -1 }
        let count = strlen(password.assumingMemoryBound(to: CChar.self))
        guard count <= Int(size) else { return -1 }
        memcpy(buffer, password, count)
        return Int32(count)
    }
#endif
