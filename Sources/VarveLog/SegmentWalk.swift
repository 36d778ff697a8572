internal import VarvePlatform
internal import VarveRecords

/// The scrubber's way through one segment, a step at a time.
struct SegmentWalk {
    enum Outcome {
        /// There is more to read.
        case more(Int64)
        case whole(Int64)
        /// Deleted, written anew or taken offline meanwhile.
        case gone(Int64)
        case damaged(Int64, LogError)
    }

    let log: PartitionLog
    let base: Int64
    private var subject: PartitionLog.Patient?
    private var file: (any DiskFile)?
    private var check: IndexComparison
    private var position: Int64 = 0
    private var expected: Int64

    init(log: PartitionLog, base: Int64) {
        self.log = log
        self.base = base
        expected = base
        check = IndexComparison(base: base, entries: [], timeEntries: [])
    }

    /// Reads about `bytesMax` bytes on; a batch is read whole.
    mutating func go(bytesMax: Int64) throws(LogError) -> Outcome {
        if subject == nil {
            guard let found = try log.patient(base), found.isClosed else { return .gone(0) }
            subject = found
            check = IndexComparison(
                base: base, entries: found.offsets, timeEntries: found.times)
            guard found.hasIndexes else {
                return .damaged(0, error(0, "an index that does not match"))
            }
        }
        guard let subject, log.isCurrent(subject) else { return .gone(0) }
        do throws(SystemError) {
            if file == nil { file = try log.store.disk.openPastCache(subject.file.path) }
            return try go(bytesMax: bytesMax, subject, file!)
        } catch {
            throw .io(error)
        }
    }

    private mutating func go(
        bytesMax: Int64, _ subject: PartitionLog.Patient, _ file: any DiskFile
    ) throws(SystemError) -> Outcome {
        let start = position
        let outcome = try BatchScanner.withWindow { (window) throws(SystemError) -> Outcome? in
            var scanner = BatchScanner(file: file, size: subject.byteCount, window: window)
            while position < subject.byteCount, position - start < bytesMax {
                guard let header = try scanner.batch(at: position),
                    header.baseOffset >= expected, header.nextOffset <= subject.limit,
                    header.partitionLeaderEpoch == 0
                else { return .damaged(position - start, error(position, "no valid batch")) }
                check.note(header, at: position)
                guard check.isRight else {
                    return .damaged(
                        position - start, error(position, "the index says something else"))
                }
                expected = header.nextOffset
                position += Int64(header.totalByteCount)
            }
            return nil
        }
        if let outcome { return outcome }
        let bytes = position - start
        guard position >= subject.byteCount else { return .more(bytes) }
        guard check.isComplete else {
            return .damaged(bytes, error(position, "the index has more than the file"))
        }
        if subject.isSealed, try !log.isSealRight(subject) {
            return .damaged(bytes, error(position, "seal or index files were changed"))
        }
        return .whole(bytes)
    }

    private func error(_ position: Int64, _ reason: String) -> LogError {
        .corrupt(path: subject?.file.path ?? "", position: position, reason: reason)
    }
}

extension PartitionLog {
    /// The base of the first closed, durable segment behind `base`; nil when there is none or the
    /// partition is not online.
    func closedSegment(behind base: Int64) -> Int64? {
        state.withLock { state in
            guard case .online = state.status else { return nil }
            let index = max(0, Self.segmentIndex(of: base, state.segments))
            for at in index..<state.segments.count - 1
            where state.segments[at].base > base
                && state.segments[at + 1].base <= state.durable.end
            {
                return state.segments[at].base
            }
            return nil
        }
    }
}
