package import VarvePlatform
internal import VarveRecords

/// What an append did.
package struct AppendResult: Equatable, Sendable {
    package let baseOffset: Int64
    package let lastOffset: Int64
    /// The time the batch was stamped with; -1 unless `message.timestamp.type` is LogAppendTime.
    package let appendTime: Int64
    /// The batch was in the log already (an idempotent producer's retry); the offsets are the
    /// first time's. It is acknowledged like any other: `whenDurable`.
    package let isDuplicate: Bool
    package let logStartOffset: Int64
    /// Which life of the partition it was appended in: the next recovery ends that.
    let life: Int

    /// The offset behind the batch.
    package var nextOffset: Int64 { lastOffset + 1 }
}

extension PartitionLog {
    /// Appends `batch` to the end of the log and returns its offsets.
    ///
    /// On return the bytes are in the page cache, not on disk, and a commit is under way: await
    /// `whenDurable` before acknowledging (I1). All of the batch is appended or nothing (I4).
    /// - Parameter batch: exactly one version 2 batch with base offset 0; its checksum need not
    ///   be verified yet.
    /// - Parameter now: wall clock, ms since 1970.
    /// - Throws: `.badBatch`, `.invalidRecord`, `.invalidTimestamp`, `.batchTooLarge`,
    ///   `.segmentTooSmall`, `.outOfOrderSequence`, `.invalidProducerEpoch`: the batch is at fault
    ///   and the log unchanged. `.full`, `.overQuota`: no space, the log is unchanged, try again
    ///   later. `.io`: the write failed and the partition is offline now (or, from "open", no
    ///   file could be opened: nothing changed); `.poisoned`: it was before. `.closed`,
    ///   `.unknownTopic`: the directory was closed, or the topic deleted.
    package func append(_ batch: ByteSlice, now: Int64) throws(LogError) -> AppendResult {
        let header = try BatchCheck.header(of: batch, now: now)
        return try enter { (state) throws(LogError) in
            try append(header, batch, to: &state, now: now)
        }
    }

    /// Runs `append` with the log locked, and sees to the commit of what it appended.
    func enter(
        _ append: (inout State) throws(LogError) -> AppendResult
    ) throws(LogError) -> AppendResult {
        do throws(LogError) {
            return try enterOnce(append)
        } catch {
            // All files that may be open have unsynced bytes: syncs make room.
            guard OpenFiles.isExhausted(error), store.waitForRoom() else { throw error }
        }
        return try enterOnce(append)
    }

    private func enterOnce(
        _ append: (inout State) throws(LogError) -> AppendResult
    ) throws(LogError) -> AppendResult {
        do throws(LogError) {
            let (result, mustSubmit) = try state.withLock { (state) throws(LogError) in
                if let failure = failure(of: state) { throw failure }
                guard !state.isClosing else { throw .closed }
                let result = try append(&state)
                let mustSubmit = !state.isQueued && !result.isDuplicate
                if mustSubmit { state.isQueued = true }
                return (result, mustSubmit)
            }
            if mustSubmit { store.commit.submit(self) }
            return result
        } catch {
            // A failed write has taken the partition offline: whoever waits must hear of it.
            if case .io = error, !isOnline { poison(error) }
            if case .full = error { store.reserve.noteFull() }
            throw error
        }
    }

    private func append(
        _ header: RecordBatchHeader, _ batch: ByteSlice, to state: inout State, now: Int64
    ) throws(LogError) -> AppendResult {
        try BatchCheck.check(header, batch, state.configuration, now: now)
        if header.hasProducer,
            case .duplicate(let earlier) = try state.producers.check(
                header, now: now, expiryMilliseconds: store.producerExpiryMilliseconds)
        {
            return AppendResult(
                baseOffset: earlier.firstOffset, lastOffset: earlier.lastOffset, appendTime: -1,
                isDuplicate: true, logStartOffset: state.startOffset, life: state.life)
        }
        return try put(header, batch, nil, at: now, &state)
    }

    /// Writes a batch that may be appended behind the last one, and takes note of it.
    /// - Parameter marker: what it says where it ends a transaction.
    func put(
        _ header: RecordBatchHeader, _ batch: ByteSlice, _ marker: TransactionMarker?,
        at now: Int64, _ state: inout State
    ) throws(LogError) -> AppendResult {
        var stamped = header
        stamped.baseOffset = state.endOffset
        stamped.partitionLeaderEpoch = 0
        var bytes = batch
        if state.configuration.usesAppendTime {
            (stamped, bytes) = Self.withAppendTime(now, stamped, batch)
        }
        // A marker ends what readers and compaction wait for: neither quota nor reserve stops it.
        if marker == nil { try store.admission.admit(bytes.count) }
        try loadActiveIndexes(of: &state)
        if Self.mustRoll(state, for: stamped, now: now) { try roll(&state) }
        try write(stamped, bytes, to: &state)

        state.active.note(
            stamped, appendTime: now, indexIntervalBytes: state.configuration.indexIntervalBytes)
        if stamped.hasProducer { noteProducer(stamped, marker, now, &state) }
        state.countedBytes += Int64(bytes.count)
        store.admission.add(Int64(bytes.count))
        state.endOffset = stamped.nextOffset
        state.bytesSinceMark += Int64(bytes.count)
        state.lastUseTime = now
        if state.unmarkedSince == nil { state.unmarkedSince = now }
        return AppendResult(
            baseOffset: stamped.baseOffset, lastOffset: stamped.lastOffset,
            appendTime: state.configuration.usesAppendTime ? now : -1, isDuplicate: false,
            logStartOffset: state.startOffset, life: state.life)
    }

    private func noteProducer(
        _ header: RecordBatchHeader, _ marker: TransactionMarker?, _ now: Int64,
        _ state: inout State
    ) {
        guard let completed = state.producers.note(header, marker, appendTime: now) else { return }
        state.active.note(completed, state.producers)
        state.closing.append(completed)
    }

    /// Writes the batch behind the active segment's last one.
    private func write(
        _ header: RecordBatchHeader, _ batch: ByteSlice, to state: inout State
    ) throws(LogError) {
        let isNew = !state.active.exists
        let file: any DiskFile
        do throws(SystemError) {
            file = try state.active.openToAppend()
            if isNew { state.needsDirectorySync = true }
        } catch {
            throw LogError(error)
        }
        let position = state.active.byteCount
        do throws(SystemError) {
            try state.active.writeAhead(file, of: batch.count)
            // The header is copied to be stamped; the records go to the disk from where they are.
            try withUnsafeTemporaryAllocation(
                byteCount: RecordBatchHeader.byteCount, alignment: 8
            ) { head throws(SystemError) in
                try batch.withUnsafeBytes { (raw) throws(SystemError) in
                    head.copyMemory(
                        from: UnsafeRawBufferPointer(
                            rebasing: raw[..<RecordBatchHeader.byteCount]))
                    RecordBatchHeader.stamp(
                        head, baseOffset: header.baseOffset, partitionLeaderEpoch: 0)
                    try file.write(
                        UnsafeRawBufferPointer(head),
                        UnsafeRawBufferPointer(
                            rebasing: raw[RecordBatchHeader.byteCount...]),
                        at: position)
                }
            }
        } catch {
            guard error.isOnlyFull else {
                state.status = .offline(.io(error))
                throw .io(error)
            }
            // Nothing half-written stays: the log is as it was, and goes on when space returns.
            do throws(SystemError) {
                try file.truncate(to: position)
            } catch {
                state.status = .offline(.io(error))
                throw .io(error)
            }
            throw .full(error)
        }
    }

    /// The batch with its times set to `now`, as `message.timestamp.type` LogAppendTime wants it.
    /// The attributes and the newest timestamp are under the checksum, so that is made anew.
    private static func withAppendTime(
        _ now: Int64, _ header: RecordBatchHeader, _ batch: ByteSlice
    ) -> (RecordBatchHeader, ByteSlice) {
        var header = header
        header.attributes.rawValue |= BatchAttributes(usesAppendTime: true).rawValue
        header.maxTimestamp = now
        let bytes = ByteSlice(filling: batch.count) { buffer in
            batch.withUnsafeBytes { buffer.copyMemory(from: $0) }
            buffer.storeBytes(
                of: header.attributes.rawValue.bigEndian, toByteOffset: 21, as: UInt16.self)
            buffer.storeBytes(of: now.bigEndian, toByteOffset: 35, as: Int64.self)
            let checksum = CRC32C.checksum(
                UnsafeRawBufferPointer(rebasing: buffer[RecordBatchHeader.checkedFrom...]))
            buffer.storeBytes(of: checksum.bigEndian, toByteOffset: 17, as: UInt32.self)
            return batch.count
        }
        return (header, bytes)
    }

    // MARK: Rolling

    private static func mustRoll(
        _ state: State, for header: RecordBatchHeader, now: Int64
    ) -> Bool {
        !state.active.hasRoom(
            bytes: header.totalByteCount, lastOffset: header.lastOffset,
            segmentBytes: state.configuration.segmentBytes)
            || state.active.mustNotGrow
            || isExpired(state.active, state.configuration, now: now)
    }

    /// Whether the active segment has been open for `segment.ms`.
    static func isExpired(
        _ active: Segment, _ configuration: TopicConfiguration, now: Int64
    ) -> Bool {
        active.byteCount > 0 && active.firstAppendTime >= 0
            && now - active.firstAppendTime >= configuration.segmentMilliseconds
    }

    /// Closes the active segment and begins a new one at the end offset. Its name and the old
    /// segment's last bytes become durable with the next commit, before anything in it counts.
    /// - Throws: `.full`, `.io` when the file cannot be made; the log is unchanged.
    func roll(_ state: inout State) throws(LogError) {
        var next = Segment(files: store.files, directory: directory, base: state.endOffset)
        do throws(SystemError) {
            try state.active.endFile()
            _ = try next.openToAppend()
        } catch {
            throw LogError(error)
        }
        state.needsDirectorySync = true
        state.active.noteTime()
        // Where damage took the end of the segment, the gap counts as its own.
        state.active.nextOffset = state.endOffset
        state.active.producersAtEnd = state.producers.bytes
        state.active.producerCountAtEnd = state.producers.count
        state.segments.append(next)
    }

    /// An idle partition has let go of its index entries: fetches them back, or builds them anew.
    func loadActiveIndexes(of state: inout State) throws(LogError) {
        try loadIndexes(at: state.segments.count - 1, &state)
    }
}
