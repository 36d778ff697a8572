internal import CVarvePlatform
internal import Glibc

/// What a program asks of its own process: signals, limits, identity, leaving.
package enum ProcessControl {
    /// SIGTERM, SIGINT and SIGHUP as `waitForSignal` returns them.
    package static let terminate = SIGTERM
    package static let interrupt = SIGINT
    package static let hangUp = SIGHUP
    /// SIGKILL, which no process can hold.
    package static let kill = SIGKILL
    /// SIGSTOP, which no process can hold either.
    package static let stop = SIGSTOP

    /// Keeps up to `bytes` of freed memory for the next use instead of handing it back to the
    /// system: who fills and frees megabytes all the time spends a third of its processor on
    /// having them faulted in again. Memory then stays at its highest mark. Call it early: what
    /// other threads have allocated by then is not kept.
    package static func keepFreedMemory(upTo bytes: Int) { varve_keep_freed_memory(bytes) }

    /// At the end of a start, which has gone through most of the program's code once: unmaps it,
    /// half a second later, when threads have settled. What is used on comes back from the page
    /// cache, about a third.
    package static func unmapCodeSoon() {
        NamedThread("unmap-code") {
            usleep(500_000)
            varve_unmap_code()
        }.detach()
    }

    /// Blocks SIGTERM, SIGINT and SIGHUP in this thread and all it starts later, so that only
    /// `waitForSignal` sees them, and ignores SIGPIPE. Call it first of all in `main`.
    package static func holdSignals() {
        var set = signals()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for one of the held signals and returns its number. Blocks the calling thread.
    package static func waitForSignal() -> Int32 {
        var set = signals()
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    /// Lets this process get SIGTERM when its parent ends, however that ends.
    /// False when the parent is already gone.
    ///
    /// Call it on the main thread, and let that live as long as the process: Linux keeps the
    /// setting with the thread that made it, and forgets it when that thread ends (prctl(2),
    /// PR_SET_PDEATHSIG, is an attribute of the task).
    package static func endWithParent(_ parent: Int32) -> Bool {
        precondition(varve_is_main_thread() == 1, "the parent's end is awaited on the main thread")
        return varve_die_with_parent(SIGTERM) == 0 && getppid() == parent
    }

    package static var identifier: Int32 { getpid() }

    /// The file this process was started from, even when it was replaced or renamed since
    /// (proc(5), /proc/pid/exe): what `varve up` starts its children from.
    package static let executable = "/proc/self/exe"

    /// The resolved name of `executable`; nil where /proc is not there.
    package static func executablePath() -> String? {
        guard let resolved = realpath(executable, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Gives this process the name that `ps` and `top` show, cut to 15 bytes. Call it on the main
    /// thread.
    package static func setName(_ name: String) { varve_name_thread(name) }

    /// The value of an environment variable.
    package static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// How many descriptors this process may have open now (RLIMIT_NOFILE, soft).
    package static var descriptorLimit: Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// Raises the soft limit of open descriptors to the hard one; returns the limit then in force.
    @discardableResult
    package static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// Sends `signal` to a process; false when there is none.
    @discardableResult
    package static func send(_ signal: Int32, to process: Int32) -> Bool {
        Glibc.kill(process, signal) == 0
    }

    /// Whether `descriptor` (1: output, 2: error) is a terminal.
    package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// The number of processors this process may use, at least 1.
    package static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Ends the process at once with `code`, without running exit handlers.
    package static func exitNow(_ code: Int32) -> Never { _exit(code) }

    private static func signals() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, signal) }
        return set
    }
}
