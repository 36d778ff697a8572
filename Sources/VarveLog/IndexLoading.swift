internal import VarvePlatform
internal import VarveRecords

extension PartitionLog {
    /// Makes a segment's index entries present: from their files, or from the log where those are
    /// missing or damaged.
    /// - Throws: `.io`.
    func loadIndexes(at index: Int, _ state: inout State) throws(LogError) {
        if state.segments[index].hasIndexes { return }
        do throws(SystemError) {
            if try state.segments[index].loadIndexes(from: store.disk) { return }
            store.logger?.warning(
                "index built anew", ["segment": state.segments[index].path(.log)])
            try rebuildIndexes(at: index, &state)
        } catch {
            throw .io(error)
        }
    }

    /// Builds a segment's indexes anew from its file. Damage in the file is stepped over: it is
    /// for the reads that come upon it to report, and must not keep the rest away.
    private func rebuildIndexes(at index: Int, _ state: inout State) throws(SystemError) {
        let segment = state.segments[index]
        var producers = ProducerState()
        // Only transactions need to know what was before the segment, and few logs have any.
        if !segment.transactions.isLoaded {
            producers = try RecoveredProducers(
                disk: store.disk, directory: directory, now: state.lastUseTime
            ).build(from: Array(state.segments[..<index]), to: segment.base)
        }
        var fresh = Segment(files: store.files, directory: directory, base: segment.base)
        var scan = SegmentScan()
        try scan.run(
            try state.segments[index].open(), from: 0, size: segment.byteCount,
            expecting: segment.base, below: Segment.offsetsEnd(segment.base, nextBase: nil)
        ) { header, position, marker in
            fresh.byteCount = position
            fresh.note(
                header, appendTime: -1,
                indexIntervalBytes: state.configuration.indexIntervalBytes)
            fresh.note(
                producers.note(header, marker, appendTime: state.lastUseTime), producers)
        }
        fresh.noteTime()
        state.segments[index].index = fresh.index
        state.segments[index].timeIndex = fresh.timeIndex
        if !segment.transactions.isLoaded {
            state.segments[index].transactions = fresh.transactions
        }
        state.segments[index].maxTimestamp = fresh.maxTimestamp
        state.segments[index].offsetOfMaxTimestamp = fresh.offsetOfMaxTimestamp
        // The seal speaks of the old files: the next commit writes it anew.
        state.segments[index].isSealed = false
    }
}

extension Segment {
    /// Whether the entries of all indexes are in memory.
    var hasIndexes: Bool { index.isLoaded && timeIndex.isLoaded && transactions.isLoaded }

    /// Reads the indexes from their files. False when a file does not hold what the seal or mark
    /// says; what could be read is there then.
    mutating func loadIndexes(from disk: any Disk) throws(SystemError) -> Bool {
        let isGood = try index.load(from: disk, path(.index))
        let isTimeGood = try timeIndex.load(from: disk, path(.timeindex))
        return try transactions.load(from: disk, path(.txnindex)) && isGood && isTimeGood
    }

    /// Lets go of entries that are all in their files.
    mutating func unloadIndexes() {
        index.unload()
        timeIndex.unload()
        transactions.unload()
    }
}
