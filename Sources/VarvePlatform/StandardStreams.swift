internal import Glibc

/// The descriptors that every process starts with.
package enum StandardStreams {
    package static let input: Int32 = 0
    package static let output: Int32 = 1
    package static let error: Int32 = 2

    /// Writes all of `bytes` to `descriptor`, blocking. EPIPE says that the reader has gone.
    package static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32
    ) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = retryingInterrupts { Glibc.write(descriptor, rest.baseAddress, rest.count) }
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno == EAGAIN {
                // The terminal or pipe was made non-blocking by somebody who shares it.
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, 1000)
            } else {
                throw .last("write", "descriptor \(descriptor)")
            }
        }
    }

    package static func write(
        _ bytes: ByteSlice, to descriptor: Int32
    ) throws(SystemError) {
        try bytes.withUnsafeBytes { (bytes) throws(SystemError) in
            try write(bytes, to: descriptor)
        }
    }

    /// Reads at most `buffer.count` bytes; 0 at the end.
    package static func read(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Int {
        let count = retryingInterrupts { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
        guard count >= 0 else { throw .last("read", "descriptor \(descriptor)") }
        return count
    }

    /// All that the file or pipe at `path` gives, blocking.
    /// - Throws: EFBIG where that is more than `bytesMax` bytes, and what open(2) and read(2) have.
    package static func readAll(
        _ path: String, bytesMax: Int = 64 << 20
    ) throws(SystemError) -> ByteSlice {
        let file = try PosixFile(reading: path)
        // Not earlier: the descriptor goes with the file.
        defer { withExtendedLifetime(file) {} }
        var text = ByteWriter()
        while true {
            let piece = try ByteSlice(filling: 64 << 10) { (buffer) throws(SystemError) in
                try read(file.descriptor, into: buffer)
            }
            if piece.isEmpty { return text.finish() }
            text.bytes(piece)
            guard text.count <= bytesMax else {
                throw SystemError(call: "read", errno: SystemError.fileTooBig, subject: path)
            }
        }
    }

    /// Waits until there is something to read, or the end; false after `timeoutMilliseconds`.
    package static func waitReadable(
        _ descriptor: Int32, timeoutMilliseconds: Int32
    ) throws(SystemError) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let count = retryingInterrupts { poll(&entry, 1, timeoutMilliseconds) }
        guard count >= 0 else { throw .last("poll", "descriptor \(descriptor)") }
        return count > 0
    }

    /// The width of the terminal at `descriptor` in columns; 80 where it does not say.
    package static func columns(_ descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
