#if VARVE_TLS
    internal import COpenSSL
    internal import Glibc

    /// Writes the names of certificates (X509_NAME) as Java's `X500Principal.getName` does, so that
    /// a client is called here what it is called by Kafka, and rules made there apply.
    ///
    /// That is RFC 2253: the last part first, parts divided by commas and those of one level by
    /// plus signs. Beyond it, as in Java, `=` and `#` are escaped everywhere, characters outside
    /// ASCII stay as they are, and types without a keyword in the RFC are written by number, with
    /// the value's DER in hexadecimal. Source: `sun.security.x509.AVA.toRFC2253String`.
    enum DistinguishedName {
        /// The keywords of RFC 2253 section 2.3.
        private static let keywords = [
            "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET",
            "2.5.4.10": "O", "2.5.4.11": "OU", "0.9.2342.19200300.100.1.25": "DC",
            "0.9.2342.19200300.100.1.1": "UID",
        ]
        /// The kinds of value that are written as text.
        private static let texts: Set<Int32> = [
            V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING, V_ASN1_T61STRING, V_ASN1_IA5STRING,
            V_ASN1_GENERALSTRING, V_ASN1_BMPSTRING,
        ]
        private static let escaped = Set<Unicode.Scalar>(",=+<>#;\"\\".unicodeScalars)

        static func text(of name: OpaquePointer?) -> String {
            guard let name else { return "" }
            // Levels in their order, each with its parts.
            var levels: [[String]] = []
            var level: Int32 = -1
            for index in 0..<X509_NAME_entry_count(name) {
                guard let entry = X509_NAME_get_entry(name, index) else { continue }
                let part = part(entry)
                if X509_NAME_ENTRY_set(entry) == level && !levels.isEmpty {
                    levels[levels.count - 1].append(part)
                } else {
                    levels.append([part])
                }
                level = X509_NAME_ENTRY_set(entry)
            }
            return levels.reversed().map { $0.joined(separator: "+") }.joined(separator: ",")
        }

        private static func part(_ entry: OpaquePointer) -> String {
            let type = number(X509_NAME_ENTRY_get_object(entry))
            guard let value = X509_NAME_ENTRY_get_data(entry) else { return type + "=" }
            if let keyword = keywords[type], texts.contains(ASN1_STRING_type(value)),
                let text = utf8(value)
            {
                return keyword + "=" + escaping(text)
            }
            return (keywords[type] ?? type) + "=#" + hexadecimal(der(value))
        }

        /// The number of a type in dotted form.
        private static func number(_ object: OpaquePointer?) -> String {
            // Long enough for any number that a certificate has a use for (OBJ_obj2txt(3)).
            var text = [CChar](repeating: 0, count: 128)
            guard OBJ_obj2txt(&text, Int32(text.count), object, 1) > 0 else { return "" }
            return String(
                decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }

        private static func utf8(_ value: UnsafePointer<ASN1_STRING>) -> String? {
            var bytes: UnsafeMutablePointer<UInt8>?
            let count = ASN1_STRING_to_UTF8(&bytes, value)
            guard count >= 0, let bytes else { return nil }
            defer { CRYPTO_free(bytes, #file, #line) }
            return String(
                decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
        }

        private static func der(_ value: UnsafePointer<ASN1_STRING>) -> [UInt8] {
            var any = ASN1_TYPE()
            any.type = ASN1_STRING_type(value)
            any.value.asn1_string = UnsafeMutablePointer(mutating: value)
            var bytes: UnsafeMutablePointer<UInt8>?
            let count = i2d_ASN1_TYPE(&any, &bytes)
            guard count >= 0, let bytes else { return [] }
            defer { CRYPTO_free(bytes, #file, #line) }
            return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
        }

        private static func hexadecimal(_ bytes: [UInt8]) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }

        private static func escaping(_ text: String) -> String {
            let scalars = Array(text.unicodeScalars)
            func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\r" }
            let first = scalars.firstIndex { !isSpace($0) } ?? scalars.count
            let last = scalars.lastIndex { !isSpace($0) } ?? -1
            var result = String.UnicodeScalarView()
            for (index, scalar) in scalars.enumerated() {
                if scalar == "\0" {
                    result.append(contentsOf: "\\00".unicodeScalars)
                    continue
                }
                if escaped.contains(scalar) || index < first || index > last {
                    result.append("\\")
                }
                result.append(scalar)
            }
            return String(result)
        }
    }
#endif
