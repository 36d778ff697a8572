internal import Glibc

/// A place for one object on each thread.
package struct ThreadSlot<Object: AnyObject>: Sendable {
    private let key: pthread_key_t

    /// Never given back: for statics.
    package init() {
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "pthread_key_create: errno \(code)")
        self.key = key
    }

    /// The object this thread has put here; it must live until the thread takes it out or ends.
    package var value: Object? {
        get {
            pthread_getspecific(key).map { Unmanaged<Object>.fromOpaque($0).takeUnretainedValue() }
        }
        nonmutating set {
            pthread_setspecific(key, newValue.map { Unmanaged.passUnretained($0).toOpaque() })
        }
    }
}
