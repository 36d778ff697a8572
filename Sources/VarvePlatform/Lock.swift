package import Glibc

/// A value that only the holder of the lock can touch.
///
/// A pthread mutex, so that ThreadSanitizer follows it (the standard library's futex-based Mutex
/// gives false alarms there) and so that `wait` can give it up. Uncontended it costs about 20 ns.
/// Not recursive: taking it twice on one thread deadlocks.
package final class Lock<Value>: @unchecked Sendable {
    // SAFETY: `value` is only reached between lock and unlock of `mutex`.
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline let condition: UnsafeMutablePointer<pthread_cond_t>
    @usableFromInline var value: Value

    package init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        precondition(pthread_mutex_init(mutex, nil) == 0)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        precondition(pthread_cond_init(condition, &attributes) == 0)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the value, alone.
    @inlinable package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Waits until `body` returns a value, giving the lock up in between. `body` runs first at
    /// once, then after each `signal`. Returns nil when `timeoutMilliseconds` pass first.
    @inlinable package func wait<Result>(
        timeoutMilliseconds: Int64? = nil, _ body: (inout Value) -> Result?
    ) -> Result? {
        var deadline = timespec()
        if let timeoutMilliseconds {
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            let nanoseconds = Int64(deadline.tv_nsec) + (timeoutMilliseconds % 1000) * 1_000_000
            deadline.tv_sec += Int(timeoutMilliseconds / 1000 + nanoseconds / 1_000_000_000)
            deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            if timeoutMilliseconds == nil {
                pthread_cond_wait(condition, mutex)
            } else if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT {
                return body(&value)
            }
        }
    }

    /// Wakes one thread in `wait`, if there is one. Only where every thread that waits here would
    /// do the same with what has changed: another one's condition would sleep on.
    @inlinable package func signalOne() {
        pthread_cond_signal(condition)
    }

    /// Wakes every thread in `wait`, so that it looks at the value again.
    @inlinable package func signal() {
        pthread_cond_broadcast(condition)
    }
}

extension Lock where Value == Void {
    /// Runs `body` alone. Touches no value: the address of one without bytes is the object's own,
    /// which every caller reads, and ThreadSanitizer would take that for a race.
    @inlinable package func withLock<Result, Failure: Error>(
        _ body: (inout Void) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var nothing: Void = ()
        return try body(&nothing)
    }
}
