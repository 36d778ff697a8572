internal import CVarvePlatform
internal import Glibc

/// Waits for many descriptors at once (epoll, level triggered) and can be woken from any thread.
///
/// `wait` is for one thread; `wake` for any; the others for the waiting thread.
package final class Poller: Sendable {
    /// What to wait for.
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let read = Interest(rawValue: 1)
        package static let write = Interest(rawValue: 2)

        fileprivate var mask: UInt32 {
            (contains(.read) ? UInt32(EPOLLIN.rawValue | EPOLLRDHUP.rawValue) : 0)
                | (contains(.write) ? UInt32(EPOLLOUT.rawValue) : 0)
        }
    }

    /// What happened. An error or hang-up reports both as ready: the next read or write says which.
    package struct Event: Sendable {
        package let token: UInt64
        package let readable: Bool
        package let writable: Bool
        /// Nothing else has happened.
        package let isOnly: Bool
    }

    private let descriptor: Int32
    private let waker: Int32
    private static let wakerToken = UInt64.max
    private static let eventsMax = 256

    package init() throws(SystemError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw .last("epoll_create1", "poller") }
        waker = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard waker >= 0 else {
            let error = SystemError.last("eventfd", "poller")
            close(descriptor)
            throw error
        }
        try control(Int32(EPOLL_CTL_ADD), waker, token: Self.wakerToken, interest: .read)
    }

    deinit {
        close(waker)
        close(descriptor)
    }

    /// Starts to watch a descriptor. `token` comes back in its events; UInt64.max is taken.
    package func add(
        _ descriptor: Int32, token: UInt64, interest: Interest
    ) throws(SystemError) {
        precondition(token != Self.wakerToken)
        try control(Int32(EPOLL_CTL_ADD), descriptor, token: token, interest: interest)
    }

    /// Changes what a watched descriptor is watched for; an empty interest pauses it.
    package func modify(
        _ descriptor: Int32, token: UInt64, interest: Interest
    ) throws(SystemError) {
        try control(Int32(EPOLL_CTL_MOD), descriptor, token: token, interest: interest)
    }

    /// Stops watching a descriptor. Call it before the descriptor is closed.
    package func remove(_ descriptor: Int32) throws(SystemError) {
        try control(Int32(EPOLL_CTL_DEL), descriptor, token: 0, interest: [])
    }

    /// Waits at most `timeoutMilliseconds` (-1: for ever), then gives each event to `body`.
    /// A `wake` ends the wait and is not reported.
    package func wait(
        timeoutMilliseconds: Int32, _ body: (Event) -> Void
    ) throws(SystemError) {
        let failure: SystemError? = withUnsafeTemporaryAllocation(
            of: UInt64.self, capacity: Self.eventsMax
        ) { tokens in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.eventsMax) { ready in
                let count = varve_epoll_wait(
                    descriptor, tokens.baseAddress, ready.baseAddress, Int32(Self.eventsMax),
                    timeoutMilliseconds)
                if count < 0 { return errno == EINTR ? nil : .last("epoll_wait", "poller") }
                for index in 0..<Int(count) {
                    if tokens[index] == Self.wakerToken {
                        var value: UInt64 = 0
                        _ = read(waker, &value, 8)
                        continue
                    }
                    let ended =
                        ready[index]
                        & UInt32(EPOLLERR.rawValue | EPOLLHUP.rawValue | EPOLLRDHUP.rawValue) != 0
                    body(
                        Event(
                            token: tokens[index],
                            readable: ended || ready[index] & UInt32(EPOLLIN.rawValue) != 0,
                            writable: ready[index]
                                & UInt32(
                                    EPOLLOUT.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue)
                                != 0,
                            isOnly: count == 1))
                }
                return nil
            }
        }
        if let failure { throw failure }
    }

    /// Ends the current or the next `wait`.
    package func wake() {
        var one: UInt64 = 1
        _ = write(waker, &one, 8)
    }

    private func control(
        _ operation: Int32, _ target: Int32, token: UInt64, interest: Interest
    ) throws(SystemError) {
        guard varve_epoll_ctl(descriptor, operation, target, interest.mask, token) == 0 else {
            let error = SystemError.last("epoll_ctl", "descriptor \(target)")
            trapOnProgrammerError(error)
            throw error
        }
    }
}
