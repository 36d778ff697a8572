internal import Glibc

/// A process that this one started and waits for.
///
/// The child is in a process group of its own, so that a Ctrl-C on the terminal reaches only the
/// parent, which then ends its children in the order it wants. Signals are unblocked in it and
/// SIGPIPE has its default action; it inherits the standard descriptors and the environment.
package final class ChildProcess: Sendable {
    /// How a process ended.
    package enum Ending: Hashable, Sendable, CustomStringConvertible {
        /// It left with this status, 0 to 255.
        case exited(Int32)
        /// This signal ended it.
        case killed(signal: Int32)

        package var isSuccess: Bool { self == .exited(0) }

        package var description: String {
            switch self {
            case .exited(let status): "exit status \(status)"
            case .killed(let signal): "signal \(signal)"
            }
        }
    }

    /// The process id; another process may have it once `wait` has returned.
    package let identifier: Int32
    private let reaped = Lock(false)

    private init(identifier: Int32) { self.identifier = identifier }

    /// Starts the program at `path`; `arguments` come after its name, which is `path` where
    /// `name` is nil.
    ///
    /// A child that asks for the parent-death signal gets it when the *thread* that called this
    /// ends (prctl(2), PR_SET_PDEATHSIG): start it on a thread that outlives it.
    package static func start(
        _ path: String, name: String? = nil, _ arguments: [String]
    ) throws(SystemError) -> ChildProcess {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var defaulted = sigset_t()
        sigemptyset(&defaulted)
        sigaddset(&defaulted, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaulted)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var vector: [UnsafeMutablePointer<CChar>?] = ([name ?? path] + arguments).map { strdup($0) }
        vector.append(nil)
        defer { for pointer in vector { free(pointer) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, path, nil, &attributes, vector, environ)
        guard code == 0 else { throw SystemError(call: "posix_spawn", errno: code, subject: path) }
        return ChildProcess(identifier: identifier)
    }

    /// Waits for the child's end. Call it once; `send` may run beside it.
    package func wait() -> Ending {
        // Look without reaping first: as long as the child is not reaped its id is its own, so a
        // `send` beside this never reaches a stranger.
        var information = siginfo_t()
        while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) == -1 {
            precondition(errno == EINTR, "waitid \(identifier): errno \(errno)")
        }
        return reaped.withLock { reaped in
            var status: Int32 = 0
            while waitpid(identifier, &status, 0) == -1 {
                precondition(errno == EINTR, "waitpid \(identifier): errno \(errno)")
            }
            reaped = true
            // The macros WIFEXITED, WEXITSTATUS and WTERMSIG (wait(2)) as they are on Linux.
            let signal = status & 0x7F
            return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal: signal)
        }
    }

    /// Sends `signal` to the child; false when it has ended.
    @discardableResult
    package func send(_ signal: Int32) -> Bool {
        reaped.withLock { reaped in !reaped && kill(identifier, signal) == 0 }
    }
}
