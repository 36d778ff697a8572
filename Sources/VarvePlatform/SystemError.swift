internal import Glibc

/// A failed system call: which one, on what, and the errno it left.
///
/// An errno is never dropped on its way up: every module's error enum carries this value.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C function that failed, as in its man page.
    package let call: String
    /// The errno of the failure; 0 where the call ended short without one (for instance a write
    /// that made no progress).
    package let errno: Int32
    /// The path, address or other object the call was about.
    package let subject: String

    package init(call: String, errno: Int32, subject: String) {
        self.call = call
        self.errno = errno
        self.subject = subject
    }

    /// The error of the call that has just failed on this thread.
    package static func last(_ call: String, _ subject: String) -> SystemError {
        SystemError(call: call, errno: Glibc.errno, subject: subject)
    }

    package var description: String { "\(call) \(subject): \(reason) (errno \(errno))" }

    /// The errno in the words of strerror(3).
    package var reason: String { String(cString: strerror(errno)) }

    /// No space left, on the device or in the quota (ENOSPC, EDQUOT).
    package var isFull: Bool { errno == ENOSPC || errno == EDQUOT }
    /// The object does not exist (ENOENT).
    package var isMissing: Bool { errno == ENOENT }
    /// The object exists already (EEXIST).
    package var isExisting: Bool { errno == EEXIST }
    /// No descriptor is left, in the process or in the machine (EMFILE, ENFILE).
    package var isOutOfFiles: Bool { errno == EMFILE || errno == ENFILE }
    /// A non-blocking call has nothing to do now (EAGAIN).
    package var isWouldBlock: Bool { errno == EAGAIN || errno == EWOULDBLOCK }

    /// Nobody reads the other end any more (EPIPE).
    package var isBrokenPipe: Bool { errno == EPIPE }

    /// A wait that came to its end (ETIMEDOUT).
    package static func timedOut(_ call: String, _ subject: String) -> SystemError {
        SystemError(call: call, errno: ETIMEDOUT, subject: subject)
    }

    /// The peer speaks something else (EPROTO).
    package static func notTheProtocol(_ call: String, _ subject: String) -> SystemError {
        SystemError(call: call, errno: EPROTO, subject: subject)
    }

    /// For simulated disks and tests, which have to make the errors that a kernel makes.
    package static let eio = EIO
    package static let eintr = EINTR
    package static let enospc = ENOSPC
    package static let enoent = ENOENT
    package static let eexist = EEXIST
    package static let enotempty = ENOTEMPTY
    package static let edquot = EDQUOT
    package static let erofs = EROFS
    package static let emfile = EMFILE
    package static let eacces = EACCES
    package static let eperm = EPERM
    package static let etimedout = ETIMEDOUT
    package static let econnreset = ECONNRESET
    package static let eagain = EAGAIN
    package static let esrch = ESRCH
    package static let eaddrinuse = EADDRINUSE
    package static let eaddrnotavail = EADDRNOTAVAIL
    package static let fileTooBig = EFBIG
}

/// EBADF and EFAULT are our own bugs, never the outside world's: they trap.
@inline(never)
func trapOnProgrammerError(_ error: SystemError) {
    precondition(error.errno != EBADF && error.errno != EFAULT, "\(error)")
}

/// Repeats `body` while it fails with EINTR; returns its first other result.
@inline(__always)
func retryingInterrupts<Result: FixedWidthInteger>(_ body: () -> Result) -> Result {
    while true {
        let result = body()
        if result == -1 && errno == EINTR { continue }
        return result
    }
}
