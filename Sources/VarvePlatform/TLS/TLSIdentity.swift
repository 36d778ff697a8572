/// A TLS context that follows its files: when one of them changes, it is made anew for the
/// connections that come then. Sessions under way keep the one they began with.
///
/// Any call from any thread.
package final class TLSIdentity: Sendable {
    private struct State {
        var context: TLSContext
        /// What the files held when `context` was made.
        var contents: [ByteSlice]
    }

    private let settings: TLSSettings
    private let isServer: Bool
    private let state: Lock<State>

    /// Reads the files and checks that they fit together.
    /// - Throws: `.configuration` or `.io`, naming the file; `.notBuiltIn`.
    package init(_ settings: TLSSettings, isServer: Bool) throws(TLSError) {
        self.settings = settings
        self.isServer = isServer
        guard TLSContext.isBuiltIn else {
            throw .notBuiltIn(isServer ? "a TLS listener" : "a TLS connection")
        }
        let contents = try Self.contents(settings)
        state = Lock(
            State(context: try Self.context(settings, isServer: isServer), contents: contents))
    }

    /// The context for the next connection.
    package var context: TLSContext { state.withLock { $0.context } }

    /// Looks at the files and takes what is new; true when there was something. Reads the disk.
    /// - Throws: when what is there now cannot be used: a half-written file, a certificate whose
    ///   key has not come yet. The context stays the old one; the next call tries again.
    package func reload() throws(TLSError) -> Bool {
        let contents = try Self.contents(settings)
        guard state.withLock({ $0.contents != contents }) else { return false }
        let context = try Self.context(settings, isServer: isServer)
        // A file that changed between the two looks is found at the next one.
        state.withLock { $0 = State(context: context, contents: contents) }
        return true
    }

    /// The context for a connection made now, after a look at the files. Where what is there now
    /// cannot be used (it is half written, or gone) the old one goes on, and the handshake says if
    /// it no longer does.
    package func renewed() -> TLSContext {
        do throws(TLSError) { _ = try reload() } catch { return context }
        return context
    }

    private static func context(
        _ settings: TLSSettings, isServer: Bool
    ) throws(TLSError) -> TLSContext {
        isServer ? try .server(settings) : try .client(settings)
    }

    private static func contents(_ settings: TLSSettings) throws(TLSError) -> [ByteSlice] {
        var found: [ByteSlice] = []
        for source in [settings.certificates, settings.key, settings.authorities] {
            if case .file(let path) = source { found.append(try PEM.bytes(.file(path))) }
        }
        return found
    }
}
