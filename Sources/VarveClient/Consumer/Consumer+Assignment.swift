internal import VarvePlatform

// What the group gives and takes. Called by `GroupMembership` alone.

extension Consumer {
    /// These are ours: they start where the group left off. Nothing of them is fetched before
    /// `announced`: a `poll` in another task must not return records of partitions that the
    /// listener does not know of yet.
    func add(_ partitions: [TopicPartition]) {
        state.withLock { state in
            for partition in partitions {
                state.add(partition, at: .committed)
                state.partitions[partition]?.isUnannounced = true
            }
        }
    }

    /// The listener has been told of these.
    func announced(_ partitions: [TopicPartition]) {
        state.withLock { state in
            for partition in partitions { state.partitions[partition]?.isUnannounced = false }
        }
        fetchWakeup.wake()
    }

    /// Stops returning records of these, and waits until a `poll` that is decoding some is over, so
    /// that whoever is told of it next knows all there will be.
    func beginRevoking(_ partitions: [TopicPartition]) async {
        state.withLock { state in
            for partition in partitions {
                state.partitions[partition]?.isRevoking = true
                state.clearBuffer(partition)
            }
        }
        while state.withLock({ $0.isDecoding }) { await cluster.loop.sleep(milliseconds: 1) }
    }

    /// These are no longer ours.
    func remove(_ partitions: [TopicPartition]) {
        state.withLock { state in
            for partition in partitions { state.remove(partition) }
        }
        fetchWakeup.wake()
    }
}
