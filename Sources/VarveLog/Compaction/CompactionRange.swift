internal import VarvePlatform

/// What a partition remembers of its compactions.
struct CompactionProgress: Sendable {
    /// Nil while it has not been read from its file.
    var checkpoint: CompactionCheckpoint?
    var isRunning = false
}

/// How much of a partition waits to be compacted.
package struct CompactionNeed: Equatable, Sendable {
    /// Bytes of closed segments that were compacted already.
    package var cleanBytes: Int64 = 0
    /// Bytes of closed segments that may be compacted and were not yet.
    package var dirtyBytes: Int64 = 0
    /// `max.compaction.lag.ms` has passed for a record, or `delete.retention.ms` for all
    /// tombstones that are left: it is due whatever the ratio.
    package var isOverdue = false
    /// The ratio or the time has been reached.
    package var isDue = false

    /// The share of bytes not yet compacted, from 0 to 1: Kafka's "dirty ratio".
    package var dirtyRatio: Double {
        dirtyBytes == 0 ? 0 : Double(dirtyBytes) / Double(cleanBytes + dirtyBytes)
    }
}

extension PartitionLog {
    /// Whether the partition is to be compacted at `now`; nil when its topic does not ask for it,
    /// or it is not online. Changes nothing.
    /// - Throws: `.io` when the checkpoint cannot be read.
    package func compactionNeed(now: Int64) throws(LogError) -> CompactionNeed? {
        let checkpoint = try compactionCheckpoint()
        return state.withLock { state -> CompactionNeed? in
            guard case .online = state.status, state.configuration.isCompacting else { return nil }
            let range = CompactionRange(state, checkpoint, now)
            var need = CompactionNeed()
            for segment in state.segments[..<range.count] {
                if segment.base < range.firstDirtyOffset {
                    need.cleanBytes += segment.byteCount
                } else {
                    need.dirtyBytes += segment.byteCount
                }
            }
            let lag = state.configuration.maxCompactionLagMilliseconds
            let dirty = state.segments[..<range.count].first {
                $0.base >= range.firstDirtyOffset && $0.byteCount > 0
            }
            if let dirty, dirty.firstAppendTime >= 0, now - dirty.firstAppendTime > lag {
                need.isOverdue = true
            }
            if range.count > 0, checkpoint.lastHorizon >= 0, now > checkpoint.lastHorizon {
                need.isOverdue = true
            }
            need.isDue =
                need.isOverdue
                || need.dirtyBytes > 0
                    && need.dirtyRatio >= state.configuration.minCleanableDirtyRatio
            return need
        }
    }

    /// How far the partition is compacted, read from its file the first time.
    func compactionCheckpoint() throws(LogError) -> CompactionCheckpoint {
        if let known = state.withLock({ $0.compaction.checkpoint }) { return known }
        var found: CompactionCheckpoint?
        do throws(SystemError) {
            found = try CompactionCheckpoint.read(directory, store.disk)
        } catch {
            throw .io(error)
        }
        return state.withLock { state in
            if let known = state.compaction.checkpoint { return known }
            var checkpoint = found ?? CompactionCheckpoint(firstDirtyOffset: 0)
            // It speaks of another log, from before the partition was put back from a copy.
            if checkpoint.firstDirtyOffset > state.durable.end {
                checkpoint = CompactionCheckpoint(firstDirtyOffset: 0)
            }
            state.compaction.checkpoint = checkpoint
            return checkpoint
        }
    }
}

/// The part of a log that a compaction may touch.
struct CompactionRange {
    /// So many segments from the first on.
    let count: Int
    let firstDirtyOffset: Int64

    /// Closed, sealed segments up to the first that is damaged, younger than
    /// `min.compaction.lag.ms`, or has records of an open transaction.
    init(
        _ state: PartitionLog.State, _ checkpoint: CompactionCheckpoint, _ now: Int64
    ) {
        let lastStableOffset = state.lastStableOffset
        firstDirtyOffset = max(checkpoint.firstDirtyOffset, state.segments[0].base)
        let lag = state.configuration.minCompactionLagMilliseconds
        let usesRecordTime = state.configuration.retentionUsesRecordTime
        var count = 0
        for (index, segment) in state.segments.dropLast().enumerated() {
            let next = state.segments[index + 1].base
            let time =
                usesRecordTime && segment.maxTimestamp >= 0
                ? segment.maxTimestamp : segment.lastAppendTime
            guard segment.isSealed, !segment.isSuspect, segment.exists,
                segment.base < state.durable.segmentBase,
                next <= lastStableOffset,
                lag == 0 || now - time >= lag
            else { break }
            count += 1
        }
        self.count = count
    }
}
