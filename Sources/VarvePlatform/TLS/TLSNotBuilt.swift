#if !VARVE_TLS
    /// What stands in for TLS in a build without the trait: it cannot be made, and says so.
    package final class TLSContext: Sendable {
        /// Whether this build has TLS.
        package static let isBuiltIn = false
        package let subject: String? = nil
        package let notAfter: Int64? = nil

        private init() {}

        package static func server(_ settings: TLSSettings) throws(TLSError) -> TLSContext {
            throw .notBuiltIn("a TLS listener")
        }

        package static func client(_ settings: TLSSettings) throws(TLSError) -> TLSContext {
            throw .notBuiltIn("a TLS connection")
        }
    }

    /// Nobody can have one: there is no context to make it from.
    final class TLSSession: Sendable {
        let isEstablished = false
        let readWaitsForWrite = false
        let writeWaitsForRead = false
        let mayHaveMore = false
        let summary = ""
        let peerSubject: String? = nil

        init(
            _ context: TLSContext, descriptor: Int32, peer: String, host: String?
        ) throws(TLSError) {
            throw .notBuiltIn("a TLS session")
        }

        func handshake() throws(TLSError) -> Poller.Interest? { nil }
        func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Int? { nil }
        func write(
            _ pieces: some Collection<ByteSlice>, from offset: Int
        ) throws(TLSError) -> Int { 0 }
        func close() {}
    }

    /// Certificates are not looked at.
    enum PEM {
        static func bytes(_ source: PEMSource) throws(TLSError) -> ByteSlice {
            throw .notBuiltIn("\(source)")
        }
    }
#endif
