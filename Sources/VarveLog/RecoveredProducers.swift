internal import VarvePlatform

/// Producer state while recovery walks through the segments: read from a `.producers` file only
/// where it is needed, and built from the log where that is missing or damaged.
struct RecoveredProducers {
    let disk: any Disk
    let directory: String
    let now: Int64

    private enum Source {
        case known(ProducerState)
        /// In the file of this offset; `count` nil where it is not known that there is one.
        case file(offset: Int64, count: Int?)
    }

    private var source = Source.known(ProducerState())

    init(disk: any Disk, directory: String, now: Int64) {
        self.disk = disk
        self.directory = directory
        self.now = now
    }

    /// The log begins at `base`: the state before it, if one was kept.
    mutating func begin(at base: Int64) {
        source = .file(offset: base, count: nil)
    }

    /// Everything below `offset` needs no reading; there are `count` producers then.
    mutating func skip(to offset: Int64, count: Int) {
        source = count == 0 ? .known(ProducerState()) : .file(offset: offset, count: count)
    }

    /// Back to the state before the segment at `base`, which follows `segments`.
    mutating func rewind(to base: Int64, behind segments: [Segment]) {
        if let last = segments.last {
            skip(to: base, count: last.producerCountAtEnd)
        } else {
            begin(at: base)
        }
    }

    mutating func set(_ state: ProducerState) { source = .known(state) }

    /// The state at the place reached. `segments` are those recovered so far, the last one as far
    /// as it is known.
    mutating func state(behind segments: [Segment]) throws(SystemError) -> ProducerState {
        switch source {
        case .known(let state): return state
        case .file(let offset, let count):
            let state: ProducerState
            if let read = try read(offset) {
                state = read
            } else {
                state = count == nil ? ProducerState() : try build(from: segments, to: offset)
            }
            source = .known(state)
            return state
        }
    }

    private func read(_ offset: Int64) throws(SystemError) -> ProducerState? {
        let path = directory + "/" + SegmentName.file(offset, .producers)
        guard try disk.entry(path) != nil else { return nil }
        return ProducerState(try disk.readAll(path))
    }

    /// The state before `offset`, read from the log from the last of `segments` on that has a good
    /// `.producers` file.
    func build(
        from segments: [Segment], to offset: Int64
    ) throws(SystemError) -> ProducerState {
        if let found = try read(offset) { return found }
        var state = ProducerState()
        var first = 0
        for index in segments.indices.reversed() {
            if let found = try read(segments[index].base) {
                state = found
                first = index
                break
            }
        }
        for segment in segments[first...] where segment.byteCount > 0 {
            var segment = segment
            let file = try segment.open()
            var scan = SegmentScan()
            try scan.run(
                file, from: 0, size: segment.byteCount, expecting: segment.base, below: offset
            ) { header, _, marker in state.note(header, marker, appendTime: now) }
        }
        return state
    }
}
