package import VarvePlatform

/// Standard output, gathered into large writes, and messages on standard error.
///
/// When the reader of standard output has gone (`varve consume | head`) the program ends quietly
/// with 141, the status that a shell gives for SIGPIPE.
package final class Output: Sendable {
    package static let standard = Output()
    /// Above this many gathered bytes they are written.
    private static let flushAt = 64 << 10
    private let gathered = Lock(ByteWriter())

    private init() {}

    package func write(_ text: String) {
        gathered.withLock { writer in
            writer.utf8(text)
            if writer.count >= Self.flushAt { Self.drain(&writer) }
        }
    }

    package func write(_ bytes: ByteSlice) {
        gathered.withLock { writer in
            writer.bytes(bytes)
            if writer.count >= Self.flushAt { Self.drain(&writer) }
        }
    }

    package func line(_ text: String = "") { write(text + "\n") }

    /// Hands everything written so far to the system.
    package func flush() { gathered.withLock { Self.drain(&$0) } }

    /// A message for people: one line on standard error.
    package static func error(_ text: String) { Logger.standardError(text) }

    private static func drain(_ writer: inout ByteWriter) {
        do throws(SystemError) {
            try StandardStreams.write(writer.finish(), to: StandardStreams.output)
        } catch {
            if error.isBrokenPipe { ProcessControl.exitNow(141) }
            Self.error("varve: standard output: \(error)")
            ProcessControl.exitNow(1)
        }
    }
}
