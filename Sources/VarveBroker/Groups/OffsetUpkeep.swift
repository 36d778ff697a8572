internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// When the offsets are looked after next, in monotonic milliseconds.
struct OffsetUpkeep {
    var expiryNext: Int64?
    var reloadNext: Int64?

    /// How often partitions that could not be read are tried again.
    static let reloadInterval: Int64 = 10_000
}

/// Forgetting: offsets that expired, and groups that are over. Their tombstones, and the records
/// that later ones replaced, go with compaction.
extension GroupCoordinator {
    /// Does the part of `tick` that comes seldom.
    func keepUp(at time: GroupTime) {
        let due = upkeep.withLock { upkeep in
            let now = time.monotonic
            // The first look at expiry waits, so that members of a broker that starts can return.
            let expiryNext = upkeep.expiryNext ?? now + settings.offsetsCheckInterval
            let isExpiryDue = now >= expiryNext
            upkeep.expiryNext = isExpiryDue ? now + settings.offsetsCheckInterval : expiryNext
            let isReloadDue = now >= upkeep.reloadNext ?? now
            if isReloadDue { upkeep.reloadNext = now + OffsetUpkeep.reloadInterval }
            return (expiry: isExpiryDue, reload: isReloadDue)
        }
        if due.expiry { expireOffsets(at: time) }
        if due.reload { reloadUnreadable(at: time) }
    }

    // MARK: Expiry

    /// Deletes offsets that nobody used for `offsets.retention.minutes`, and empty groups that
    /// have none left.
    package func expireOffsets(at time: GroupTime) {
        for entry in entries {
            let outcome = act(on: entry) {
                state, _, _ -> Result<AppendedBatch?, GroupFailure> in
                guard state.group.state != .dead, state.pending.isEmpty,
                    state.transactional.isEmpty
                else {
                    return .success(nil)
                }
                // A consumer group keeps what its members read; the rest from each commit.
                let expired = Self.expired(
                    state.consumers == nil
                        ? state.offsets
                        : state.offsets.filter { !state.isSubscribed(to: $0.key) },
                    of: state.group, retention: settings.offsetsRetention,
                    now: time.wall)
                let isOver =
                    state.group.state == .empty && state.group.isDeserted && !state.hasMembers
                    && expired.count == state.offsets.values.reduce(0) { $0 + $1.count }
                let outcome = change(
                    expired, of: entry.id, &state, at: time,
                    deletesGroup: isOver && state.isRecorded)
                if isOver, case .success = outcome { bury(entry, &state, at: time) }
                return outcome
            }
            if case .success(let appended?) = outcome {
                settle(appended, of: entry.id) { _ in }
            }
        }
    }

    /// The offsets to forget. A group that is empty keeps its offsets from when it became so; a
    /// stable group of consumers those of the topics it reads; one that never had members from
    /// each commit. Source: KIP-211.
    static func expired(
        _ offsets: CommittedOffsets, of group: Group, retention: Int64, now: Int64
    ) -> [GroupEntry.State.Change] {
        if group.protocolType != nil && group.state != .empty {
            guard group.state == .stable, group.subscribedTopics != nil else { return [] }
        }
        var changes: [GroupEntry.State.Change] = []
        for (topic, partitions) in offsets where !group.isSubscribed(to: topic) {
            for (partition, committed) in partitions {
                var from = committed.commitTime
                if group.protocolType != nil && group.state == .empty && group.stateSince >= 0 {
                    from = max(group.stateSince, 0)
                }
                let isExpired =
                    committed.expireTime >= 0
                    ? now >= committed.expireTime : now - from >= retention
                if isExpired {
                    changes.append(.init(topic: topic, partition: partition, value: nil))
                }
            }
        }
        return changes
    }
}
