internal import VarvePlatform

/// Where the changed pages of all files are.
final class OverlayScratch: Sendable {
    static let pageBytes = 16 << 10
    let file: any DiskFile
    private let count = Lock(0)

    init(file: any DiskFile) { self.file = file }

    /// The position of a page that nobody has yet.
    func newPage() -> Int64 {
        count.withLock { count in
            defer { count += 1 }
            return Int64(count) * Int64(Self.pageBytes)
        }
    }
}

/// A file's bytes: pages in the scratch file over what is below.
final class OverlayData: Sendable {
    struct State {
        var size: Int64
        /// So much of the file below shows through.
        var belowBytes: Int64
        /// Page number to position in the scratch file.
        var pages: [Int64: Int64] = [:]
        var isChanged: Bool
        var openCount = 0
        var file: (any DiskFile)?
    }

    private let path: String
    private let below: (any Disk)?
    private let scratch: OverlayScratch
    private let state: Lock<State>

    /// A file of the disk below.
    init(path: String, size: Int64, below: any Disk, scratch: OverlayScratch) {
        self.path = path
        self.below = below
        self.scratch = scratch
        state = Lock(State(size: size, belowBytes: size, isChanged: false))
    }

    /// A new, empty file.
    init(scratch: OverlayScratch) {
        path = ""
        below = nil
        self.scratch = scratch
        state = Lock(State(size: 0, belowBytes: 0, isChanged: true))
    }

    var size: Int64 { state.withLock { $0.size } }
    var isChanged: Bool { state.withLock { $0.isChanged } }
    func noteChange() { state.withLock { $0.isChanged = true } }

    /// The file below is open only while somebody has this one open.
    func opened(_ change: Int) {
        state.withLock { state in
            state.openCount += change
            if state.openCount == 0 { state.file = nil }
        }
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int {
        try state.withLock { (state) throws(SystemError) in
            let count = Int(max(0, min(Int64(buffer.count), state.size - position)))
            try fill(
                UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: position, &state)
            return count
        }
    }

    private func fill(
        _ buffer: UnsafeMutableRawBufferPointer, at position: Int64, _ state: inout State
    ) throws(SystemError) {
        let pageBytes = Int64(OverlayScratch.pageBytes)
        var done = 0
        while done < buffer.count {
            let at = position + Int64(done)
            let page = at / pageBytes
            var count = min(buffer.count - done, Int((page + 1) * pageBytes - at))
            if let place = state.pages[page] {
                let piece = UnsafeMutableRawBufferPointer(
                    rebasing: buffer[done..<done + count])
                _ = try scratch.file.read(into: piece, at: place + at % pageBytes)
            } else {
                // One read for a run of pages that are all still below.
                while done + count < buffer.count,
                    state.pages[(at + Int64(count)) / pageBytes] == nil
                {
                    count = min(buffer.count - done, count + OverlayScratch.pageBytes)
                }
                let piece = UnsafeMutableRawBufferPointer(
                    rebasing: buffer[done..<done + count])
                try fillFromBelow(piece, at: at, &state)
            }
            done += count
        }
    }

    private func fillFromBelow(
        _ buffer: UnsafeMutableRawBufferPointer, at position: Int64, _ state: inout State
    ) throws(SystemError) {
        var found = 0
        let there = Int(max(0, min(Int64(buffer.count), state.belowBytes - position)))
        if there > 0, let below {
            if state.file == nil { state.file = try below.open(path, .read) }
            found = try state.file!.read(
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<there]), at: position)
        }
        if found < buffer.count {
            UnsafeMutableRawBufferPointer(rebasing: buffer[found...])
                .initializeMemory(as: UInt8.self, repeating: 0)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            state.isChanged = true
            let pageBytes = Int64(OverlayScratch.pageBytes)
            var done = 0
            while done < bytes.count {
                let at = position + Int64(done)
                let count = min(bytes.count - done, Int((at / pageBytes + 1) * pageBytes - at))
                let place = try ownPage(at / pageBytes, &state)
                try scratch.file.write(
                    UnsafeRawBufferPointer(rebasing: bytes[done..<done + count]),
                    at: place + at % pageBytes)
                done += count
            }
            state.size = max(state.size, position + Int64(bytes.count))
        }
    }

    /// The scratch position of a page, copied there when it was not yet.
    private func ownPage(_ page: Int64, _ state: inout State) throws(SystemError) -> Int64 {
        if let place = state.pages[page] { return place }
        let copy = UnsafeMutableRawBufferPointer.allocate(
            byteCount: OverlayScratch.pageBytes, alignment: 16)
        defer { copy.deallocate() }
        try fillFromBelow(copy, at: page * Int64(OverlayScratch.pageBytes), &state)
        let place = scratch.newPage()
        try scratch.file.write(UnsafeRawBufferPointer(copy), at: place)
        state.pages[page] = place
        return place
    }

    func truncate(to size: Int64) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            state.isChanged = true
            defer { state.size = size }
            guard size < state.size else { return }
            state.belowBytes = min(state.belowBytes, size)
            let pageBytes = Int64(OverlayScratch.pageBytes)
            state.pages = state.pages.filter { $0.key * pageBytes < size }
            // What was behind the end is zeros when the file grows again.
            guard let place = state.pages[size / pageBytes] else { return }
            let zeros = ByteSlice([UInt8](repeating: 0, count: Int(pageBytes - size % pageBytes)))
            try zeros.withUnsafeBytes { (raw) throws(SystemError) in
                try scratch.file.write(raw, at: place + size % pageBytes)
            }
        }
    }

    func dropCache() throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            guard let below, state.belowBytes > 0 else { return }
            if state.file == nil { state.file = try below.open(path, .read) }
            try state.file!.dropCache()
        }
    }
}

/// An open file of an `OverlayDisk`.
final class OverlayFile: DiskFile {
    let path: String
    private let data: OverlayData
    /// The lock on the disk below, for as long as this file lives.
    private let held = Lock<(any DiskFile)?>(nil)

    init(path: String, data: OverlayData) {
        self.path = path
        self.data = data
        data.opened(1)
    }

    deinit { data.opened(-1) }

    func hold(_ file: (any DiskFile)?) { held.withLock { $0 = file } }

    func size() throws(SystemError) -> Int64 { data.size }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int {
        try data.read(into: buffer, at: position)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        try data.write(bytes, at: position)
    }

    func truncate(to size: Int64) throws(SystemError) { try data.truncate(to: size) }

    /// Zeros need no space here.
    func allocate(to size: Int64) throws(SystemError) {
        if size > data.size { try data.truncate(to: size) }
    }

    func syncData() throws(SystemError) {}

    func dropCache() throws(SystemError) { try data.dropCache() }
}
