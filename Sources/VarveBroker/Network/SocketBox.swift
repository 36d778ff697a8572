internal import VarvePlatform

/// Carries a socket where only copyable things go: in an array, or into a closure.
final class SocketBox: @unchecked Sendable {
    // SAFETY: `take` is called by one thread at a time, after the one that made the box; what
    // hands the box over (a mailbox's lock, program order) orders the two.
    private var socket: Socket?

    init(_ socket: consuming Socket) { self.socket = consume socket }

    /// The socket, the first time; nil after that.
    func take() -> Socket? { socket.take() }
}
