internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// When transactions are looked after next, in monotonic milliseconds.
struct TransactionUpkeep {
    var timeoutsNext: Int64?
    var expiryNext: Int64?
    var retryNext: Int64?
    var reloadNext: Int64?

    /// How often markers that could not be written are tried again.
    static let retryInterval: Int64 = 200
    /// How often partitions that could not be read are tried again.
    static let reloadInterval: Int64 = 1000
}

/// What happens by time alone.
extension TransactionCoordinator {
    /// Has done what has come due. Call it about ten times a second, from one thread.
    package func tick() {
        let now = clock.monotonicMilliseconds()
        let due = table.withLock { table in
            func isDue(_ next: inout Int64?, every interval: Int64) -> Bool {
                guard let time = next else {
                    next = now + interval
                    return false
                }
                guard now >= time else { return false }
                next = now + interval
                return true
            }
            return (
                timeouts: isDue(
                    &table.upkeep.timeoutsNext, every: settings.timeoutCheckInterval),
                expiry: isDue(&table.upkeep.expiryNext, every: settings.expiryCheckInterval),
                retry: isDue(
                    &table.upkeep.retryNext, every: TransactionUpkeep.retryInterval)
                    && !table.unfinished.isEmpty,
                reload: isDue(
                    &table.upkeep.reloadNext, every: TransactionUpkeep.reloadInterval)
            )
        }
        guard due.timeouts || due.expiry || due.retry || due.reload else { return }
        run { [self] in
            if due.reload { reload() }
            if due.retry { retryUnfinished() }
            if due.timeouts { abortExpired() }
            if due.expiry { forgetUnused() }
        }
    }

    private func reload() {
        // A sync that failed with nobody waiting for it is found here.
        for (number, log) in (store.topic?.partitions ?? []).enumerated() where !log.isOnline {
            lose(number, "the partition is offline")
        }
        reloadUnreadable()
    }

    private func retryUnfinished() {
        for id in table.withLock({ $0.unfinished }).sorted() {
            guard let entry = entry(of: id) else {
                table.withLock { _ = $0.unfinished.remove(id) }
                continue
            }
            finish(entry)
        }
    }

    /// Aborts transactions that take longer than their producers said, and fences these.
    func abortExpired() {
        for entry in entries {
            let isAborting = entry.state.withLock { state -> Bool in
                guard !state.isDropped, let next = state.transaction.expired(at: now) else {
                    return false
                }
                do throws(TransactionFailure) {
                    try put(next, into: &state)
                    return true
                } catch {
                    // Reported; the next look tries again.
                    return false
                }
            }
            guard isAborting else { continue }
            timedOut.add()
            logger.info("aborting a transaction that took too long", ["transactionalId": entry.id])
            beginEnding(entry)
        }
    }

    /// Forgets ids that nobody used for `transactional.id.expiration.ms`.
    func forgetUnused() {
        for entry in entries {
            let stored = entry.state.withLock { state -> AppendedBatch? in
                guard !state.isDropped,
                    state.transaction.isUnused(for: settings.idExpiry, at: now)
                else { return nil }
                do throws(LogError) {
                    let appended = try store.append(entry.id, nil, now: now)
                    state.isDropped = true
                    return appended
                } catch {
                    failed("a transactional id cannot be forgotten", entry.id, "\(error)")
                    return nil
                }
            }
            guard let stored else { continue }
            table.withLock { if $0.entries[entry.id] === entry { $0.entries[entry.id] = nil } }
            stored.whenDurable { [self] error in
                guard let error else { return }
                run { [self] in lose(entry.partition, "\(error)") }
            }
        }
    }
}
