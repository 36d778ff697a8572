internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// When the offsets were last looked after, in monotonic milliseconds, and how large each
/// partition of `__consumer_offsets` was after its last snapshot.
struct OffsetUpkeep {
    var expiryNext: Int64?
    var snapshotsNext: Int64?
    var snapshots: [Int32: Snapshot] = [:]

    struct Snapshot {
        /// The partition's bytes when the snapshot was complete and the log trimmed.
        var logBytes: Int64
        /// The snapshot's own bytes.
        var ownBytes: Int64
    }

    /// How often the sizes are looked at.
    static let snapshotCheckInterval: Int64 = 10_000
}

/// Forgetting: offsets that expired, groups that are over, and old records.
extension GroupCoordinator {
    /// Does the part of `tick` that comes seldom.
    func keepUp(at time: GroupTime) {
        let due = upkeep.withLock { upkeep in
            let now = time.monotonic
            // The first look at expiry waits, so that members of a broker that starts can return.
            let expiryNext = upkeep.expiryNext ?? now + settings.offsetsCheckInterval
            let isExpiryDue = now >= expiryNext
            upkeep.expiryNext = isExpiryDue ? now + settings.offsetsCheckInterval : expiryNext
            let areSnapshotsDue = now >= upkeep.snapshotsNext ?? now
            if areSnapshotsDue { upkeep.snapshotsNext = now + OffsetUpkeep.snapshotCheckInterval }
            return (expiry: isExpiryDue, snapshots: areSnapshotsDue)
        }
        if due.expiry { expireOffsets(at: time) }
        guard due.snapshots else { return }
        reloadUnreadable(at: time)
        snapshotLargePartitions(at: time)
    }

    // MARK: Expiry

    /// Deletes offsets that nobody used for `offsets.retention.minutes`, and empty groups that
    /// have none left.
    package func expireOffsets(at time: GroupTime) {
        for entry in entries {
            let outcome = act(on: entry) {
                state, _, _ -> Result<OffsetStore.Appended?, GroupFailure> in
                guard state.group.state != .dead, state.pending.isEmpty else {
                    return .success(nil)
                }
                let expired = Self.expired(
                    state.offsets, of: state.group, retention: settings.offsetsRetention,
                    now: time.wall)
                let isOver =
                    state.group.state == .empty && state.group.isDeserted
                    && expired.count == state.offsets.values.reduce(0) { $0 + $1.count }
                let outcome = change(
                    expired, of: entry.id, &state, at: time,
                    deletesGroup: isOver && state.record != nil)
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

    // MARK: Snapshots

    /// Keeps `__consumer_offsets` small without compaction: where a partition has grown large,
    /// everything that still counts is appended once more, and when that is durable the log is
    /// trimmed to the first of it. A crash in between leaves the old records and a part of the
    /// new ones, which say the same.
    private func snapshotLargePartitions(at time: GroupTime) {
        guard let topic = store.topic else { return }
        for log in topic.partitions where log.isOnline {
            let last = upkeep.withLock { $0.snapshots[log.partition] }
            let grown = log.byteCount - (last?.logBytes ?? 0)
            guard grown > max(settings.snapshotBytesMin, 4 * (last?.ownBytes ?? 0)) else {
                continue
            }
            snapshot(log, of: topic, at: time)
        }
    }

    /// Writes a snapshot of one partition and trims its log. Durable on return, or reported.
    func snapshot(_ log: PartitionLog, of topic: Topic, at time: GroupTime) {
        let bytesBefore = log.byteCount
        let start = log.endOffset
        do {
            for entry in entries
            where OffsetStore.partition(of: entry.id, count: topic.partitions.count)
                == Int(log.partition)
            {
                // The group's lock keeps its records in order: what is appended after these is
                // newer than them.
                try entry.state.withLock { state in
                    guard state.group.state != .dead else { return }
                    try append(state, of: entry.id, to: log, at: time)
                }
            }
        } catch {
            logger.warning(
                "a snapshot of the consumer offsets failed",
                ["partition": log.partition, "cause": "\(error)"])
            return
        }
        log.whenDurable(log.endOffset) { [self] error in
            guard error == nil else { return }
            do throws(LogError) {
                let ownBytes = max(log.byteCount - bytesBefore, 0)
                _ = try log.trim(to: start, now: time.wall)
                upkeep.withLock {
                    $0.snapshots[log.partition] = OffsetUpkeep.Snapshot(
                        logBytes: log.byteCount, ownBytes: ownBytes)
                }
            } catch {
                logger.warning(
                    "consumer offsets cannot be trimmed",
                    ["partition": log.partition, "cause": "\(error)"])
            }
        }
    }

    private func append(
        _ state: GroupEntry.State, of id: String, to log: PartitionLog, at time: GroupTime
    ) throws {
        var records = GroupRecords(group: id, now: time.wall)
        for (topic, partitions) in state.latestOffsets {
            for (partition, committed) in partitions {
                try records.add(topic: topic, partition: partition, committed)
                guard records.byteCount > 256 << 10 else { continue }
                _ = try log.append(try records.finish(), now: time.wall)
            }
        }
        if let record = state.record { try records.add(group: record) }
        if !records.isEmpty { _ = try log.append(try records.finish(), now: time.wall) }
    }
}
