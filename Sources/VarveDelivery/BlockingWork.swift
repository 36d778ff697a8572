internal import Dispatch

/// Runs calls that block (disk, sockets, SQLite) one after another on a queue of its own, so that
/// they never hold one of the few threads that Swift's tasks share.
final class BlockingWork: Sendable {
    private let queue: DispatchQueue

    init(_ name: String) { queue = DispatchQueue(label: "varve.\(name)") }

    /// Runs `body` after everything given before it, and returns its result.
    func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }
}

/// A value that only one thread at a time touches, because of where it is used.
final class Confined<Value>: @unchecked Sendable {
    // SAFETY: its owner reads and writes it inside one serial queue only.
    var value: Value
    init(_ value: Value) { self.value = value }
}
