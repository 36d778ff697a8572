internal import VarvePlatform

extension PartitionLog {
    /// Notes that a segment holds damage which a read came upon, and throws `error` on.
    ///
    /// The batch is not served (I2); its reader gets the error, readers of other offsets go on.
    /// Without its seal, and without the mark's word for it, the next start or `reopen` reads the
    /// segment whole and sets the damage aside.
    func suspect(_ segmentBase: Int64, _ error: LogError) throws(LogError) -> Never {
        guard case .corrupt = error else { throw error }
        let isNew = state.withLock { state in
            guard let index = state.segments.firstIndex(where: { $0.base == segmentBase }) else {
                return false
            }
            defer { state.segments[index].isSuspect = true }
            return !state.segments[index].isSuspect
        }
        if isNew {
            store.logger?.error(
                "damage found by a read",
                ["topic": topic, "partition": partition, "cause": "\(error)"])
            withdrawTrust(in: segmentBase)
        }
        throw error
    }

    private func withdrawTrust(in segmentBase: Int64) {
        do throws(SystemError) {
            try upkeep.withLock { (file) throws(SystemError) in
                guard isOnline else { return }
                let seal = directory + "/" + SegmentName.file(segmentBase, .seal)
                if try store.disk.entry(seal) != nil {
                    try store.disk.remove(seal)
                    try store.disk.syncDirectory(directory)
                }
                if var mark = file.last, mark.segment.base == segmentBase {
                    mark.segment = SegmentSummary(base: segmentBase)
                    mark.isCleanStop = false
                    try file.write(mark)
                }
            }
        } catch {
            if !error.isOnlyFull { poison(.io(error)) }
        }
    }
}
