internal import CVarvePlatform
internal import Glibc

/// A thread of our own, with a name that `top -H` and debuggers show (its first 15 bytes).
package final class NamedThread: @unchecked Sendable {
    // SAFETY: `handle` is written once, in init, before anyone else has the object.
    private var handle = pthread_t()

    /// Starts a thread that runs `body` to its end. Signals that `Signals` blocked stay blocked.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Start(name: name, body: body)
        let code = pthread_create(
            &handle, nil,
            { context in
                let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
                varve_name_thread(start.name)
                start.body()
                return nil
            }, Unmanaged.passRetained(start).toOpaque())
        precondition(code == 0, "pthread_create \(name): errno \(code)")
    }

    /// Lets the thread go: what it holds is freed at its end, and nobody can `join` it.
    package func detach() {
        pthread_detach(handle)
    }

    /// Waits for the thread's end. Call it once, from another thread.
    package func join() {
        pthread_join(handle, nil)
    }

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
