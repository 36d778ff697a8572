internal import VarvePlatform

extension PartitionLog {
    /// After a read that failed its check: drops what the cache has of the file, so that the next
    /// read asks the disk. False where `error` is no damage.
    func dropCache(
        of place: SegmentReader.Place, after error: LogError
    ) throws(LogError) -> Bool {
        guard case .corrupt = error, let file = place.file else { return false }
        do throws(SystemError) {
            try file.dropCache()
        } catch {
            throw .io(error)
        }
        return true
    }

    /// Notes that a segment holds damage which a read came upon, and throws `error` on.
    ///
    /// The batch is not served (I2); its reader gets the error, readers of other offsets go on,
    /// until `DataDirectory.heal` has set the damage aside. Without its seal, and without the
    /// mark's word for it, the next start would do the same.
    func suspect(_ place: SegmentReader.Place, _ error: LogError) throws(LogError) -> Never {
        guard case .corrupt = error else { throw error }
        suspect(place.segmentBase, error)
        throw error
    }

    func suspect(_ segmentBase: Int64, _ error: LogError) {
        let isNew = state.withLock { state in
            guard let index = state.segments.firstIndex(where: { $0.base == segmentBase }) else {
                return false
            }
            defer { state.segments[index].isSuspect = true }
            return !state.segments[index].isSuspect
        }
        guard isNew else { return }
        store.logger?.error(
            "damage found", ["topic": topic, "partition": partition, "cause": "\(error)"])
        store.health.suspect(self, segmentBase, error)
        withdrawTrust(in: segmentBase)
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
