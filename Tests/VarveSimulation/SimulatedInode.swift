/// A file of the simulated disk: what its readers see, and what is on the platter.
///
/// A file system's block outlives the size that a file had in it: data may reach the platter while
/// the size that covers it does not (ext4, XFS), and the size may reach it while the data does not
/// (ext4, in a block that was there before). So what once was written to the last block may stand
/// behind the end, unseen, and be in the file again when it has grown.
struct SimulatedFileData {
    /// Of the file system: ext4's and XFS's usual block.
    static let blockBytes = 4096
    /// Of the device: what reaches the platter whole or not at all.
    private let sectorBytes: Int

    /// The page cache's view.
    private(set) var cached: [UInt8] = []
    /// What a power cut leaves for certain.
    private(set) var durable: [UInt8] = []
    /// What the platter has behind that in its last block.
    private var stale: [UInt8] = []
    /// Bytes set aside (posix_fallocate) from the file's beginning, written or not.
    private(set) var allocated = 0
    private var durableAllocated = 0
    /// Sectors written since the last sync.
    private var dirty: Set<Int> = []
    /// Sectors that a failed sync gave up: the cache shows them as clean, the platter has not got
    /// them. Measured on ext4: after EIO the next fdatasync returns 0.
    private var lost: Set<Int> = []
    /// Sizes the file had since the last sync, the newest last: the platter may have any of them.
    private var sizes: [Int] = []

    /// What a write-back of the file system has handed to the device, which has it in its own cache
    /// until a sync empties that.
    private struct HandedOver {
        let bytes: [UInt8]
        let allocated: Int
        let sectors: Set<Int>
        /// How many of `sizes` it had before, and has no more.
        var sizeCount: Int
        /// Sectors written again since.
        var rewritten: Set<Int> = []
    }
    private var handedOver: HandedOver?
    /// A write-back failed, and the next sync says so.
    private var hasFailedUnheard = false

    init(sectorBytes: Int) { self.sectorBytes = sectorBytes }

    /// A sync would have something to do, or a failed one has given something up.
    var hasUnsynced: Bool {
        !dirty.isEmpty || !lost.isEmpty || cached.count != durable.count
    }

    private func sectors(of range: Range<Int>) -> Range<Int> {
        range.isEmpty
            ? 0..<0 : range.lowerBound / sectorBytes..<(range.upperBound - 1) / sectorBytes + 1
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at position: Int) {
        guard !bytes.isEmpty else { return }
        let end = position + bytes.count
        // A write behind the end leaves a hole of zeros, which is a change as well.
        let changed = min(position, cached.count)..<end
        if cached.count < end {
            Self.resize(&cached, to: end)
            noteSize()
        }
        // Copied as memory: element by element takes most of a debug build's test time.
        cached.withUnsafeMutableBytes {
            ($0.baseAddress! + position).copyMemory(
                from: bytes.baseAddress!, byteCount: bytes.count)
        }
        let sectors = sectors(of: changed)
        dirty.formUnion(sectors)
        lost.subtract(sectors)
        handedOver?.rewritten.formUnion(sectors)
    }

    /// What the file takes on the disk, and its size.
    var size: Int { max(cached.count, allocated) }

    mutating func allocate(to size: Int) { allocated = max(allocated, size) }

    mutating func truncate(to size: Int) {
        // Space that was only set aside has no bytes to remember.
        let wasAllocated = allocated
        allocated = min(allocated, size)
        if cached.isEmpty && size <= wasAllocated { return }
        let old = cached.count
        Self.resize(&cached, to: size)
        noteSize()
        let changed = sectors(of: min(size, old)..<max(size, old))
        dirty.formUnion(changed)
        lost.subtract(changed)
        handedOver?.rewritten.formUnion(changed)
    }

    private mutating func noteSize() {
        if sizes.last != cached.count { sizes.append(cached.count) }
        // The oldest ones are much like their neighbours.
        if sizes.count > 8 {
            sizes.remove(at: 4)
            if let count = handedOver?.sizeCount, count > 4 { handedOver?.sizeCount = count - 1 }
        }
    }

    /// Flips a bit that the platter has too, or only shows one that it has not. False where there
    /// is no such byte, or it was not synced yet.
    mutating func flip(_ position: Int, isDurable: Bool) -> Bool {
        let sector = position / sectorBytes
        guard position < cached.count, position < durable.count, !dirty.contains(sector) else {
            return false
        }
        cached[position] ^= 4
        if isDurable { durable[position] ^= 4 } else { lost.insert(sector) }
        return true
    }

    /// fdatasync: all dirty sectors and the size reach the platter. False where it has to tell of
    /// a write-back that failed.
    @discardableResult
    mutating func sync() -> Bool {
        if hasFailedUnheard {
            hasFailedUnheard = false
            return false
        }
        settle(size: cached.count, dirty, of: cached)
        dirty = []
        sizes = []
        handedOver = nil
        durableAllocated = allocated
        return true
    }

    /// The file's part of a syncfs.
    mutating func handOver() {
        handedOver = HandedOver(
            bytes: cached, allocated: allocated, sectors: dirty, sizeCount: sizes.count)
    }

    /// The device empties its cache: what was handed over is on the platter.
    mutating func settleHandedOver() {
        guard let handed = handedOver else { return }
        handedOver = nil
        settle(size: handed.bytes.count, handed.sectors, of: handed.bytes)
        dirty.subtract(handed.sectors.subtracting(handed.rewritten))
        sizes.removeFirst(handed.sizeCount)
        durableAllocated = handed.allocated
    }

    /// The file's part of a syncfs that fails because of it: like a sync that fails, and the next
    /// sync says so.
    mutating func failWriteBack(_ generator: inout Generator) {
        failSync(&generator)
        hasFailedUnheard = true
    }

    /// fdatasync that fails: each dirty sector reached the platter or did not, and none is dirty
    /// any more.
    mutating func failSync(_ generator: inout Generator) {
        let kept = Set(dirty.sorted().filter { _ in generator.chance(1, in: 2) })
        // Only as far as kept sectors reach does the file grow.
        let end = kept.map { min(($0 + 1) * sectorBytes, cached.count) }.max() ?? 0
        let size = max(durable.count, end)
        lost.formUnion(dirty.subtracting(kept))
        settle(size: size, kept, of: cached)
        dirty = []
        handedOver = nil
        hasFailedUnheard = false
    }

    /// posix_fadvise(POSIX_FADV_DONTNEED): clean pages are read from the platter from now on.
    mutating func dropCache() {
        for sector in lost {
            let range = self.range(of: sector, in: cached.count)
            for index in range { cached[index] = platter(index) }
        }
        lost = []
    }

    private func platter(_ index: Int) -> UInt8 {
        if index < durable.count { return durable[index] }
        return index - durable.count < stale.count ? stale[index - durable.count] : 0
    }

    /// How many ways each piece may go in a power cut: two for every unsynced sector, and as many
    /// as the file had sizes since the last sync.
    var choices: [Int] {
        let sectors = [Int](repeating: 2, count: dirty.union(lost).count)
        return sizes.isEmpty ? sectors : sectors + [sizes.count + 1]
    }

    /// How many of `choices` are sectors; what is left is the size.
    var sectorsInDoubt: Int { dirty.union(lost).count }

    /// The power goes: `choose` says for each of `choices` which way, 0 for what was synced.
    mutating func cutPower(choosing choose: (Int) -> Int) {
        let kept = Set(dirty.union(lost).sorted().filter { _ in choose(2) == 1 })
        var size = durable.count
        if !sizes.isEmpty {
            let choice = choose(sizes.count + 1)
            if choice > 0 { size = sizes[choice - 1] }
        }
        settle(size: size, kept, of: cached)
        cached = durable
        // (What was set aside since the last sync is lost: nobody may count on either.)
        allocated = durableAllocated
        dirty = []
        lost = []
        sizes = []
        handedOver = nil
        hasFailedUnheard = false
    }

    /// Copies `sectors` of `bytes` to the platter, whose file then has `size` bytes. Sectors behind
    /// that reach it as well, as far as its last block goes; those behind are not the file's any
    /// more.
    private mutating func settle(size: Int, _ sectors: Set<Int>, of bytes: [UInt8]) {
        let end = (size + Self.blockBytes - 1) / Self.blockBytes * Self.blockBytes
        var image = durable
        durable = []
        image.append(contentsOf: stale)
        Self.resize(&image, to: end)
        for sector in sectors {
            let whole = self.range(of: sector, in: end)
            let range = self.range(of: sector, in: min(end, bytes.count))
            if range.isEmpty { continue }
            bytes.withUnsafeBytes { from in
                image.withUnsafeMutableBytes { to in
                    (to.baseAddress! + range.lowerBound).copyMemory(
                        from: from.baseAddress! + range.lowerBound, byteCount: range.count)
                    (to.baseAddress! + range.upperBound).initializeMemory(
                        as: UInt8.self, repeating: 0, count: whole.upperBound - range.upperBound)
                }
            }
        }
        stale = image[size...].contains { $0 != 0 } ? Array(image[size...]) : []
        Self.resize(&image, to: size)
        durable = image
    }

    /// Cuts `bytes`, or adds zeros, as one copy of memory.
    private static func resize(_ bytes: inout [UInt8], to size: Int) {
        guard bytes.count != size else { return }
        // The initializer below writes into the one empty array that all threads share.
        guard size > 0 else { return bytes = [] }
        let old = bytes
        bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, used in
            let kept = min(old.count, size)
            let raw = UnsafeMutableRawBufferPointer(buffer)
            if let base = raw.baseAddress {
                old.withUnsafeBytes { from in
                    if kept > 0 { base.copyMemory(from: from.baseAddress!, byteCount: kept) }
                }
                if size > kept {
                    (base + kept).initializeMemory(as: UInt8.self, repeating: 0, count: size - kept)
                }
            }
            used = size
        }
    }

    private func range(of sector: Int, in size: Int) -> Range<Int> {
        let start = min(sector * sectorBytes, size)
        return start..<min(start + sectorBytes, size)
    }
}

/// A directory of the simulated disk: names now, names on the platter, and the changes between.
struct SimulatedDirectoryData {
    enum Change {
        case link(String, Int)
        case unlink(String)
        case rename(from: String, to: String, Int)
    }

    private(set) var names: [String: Int] = [:]
    private(set) var durable: [String: Int] = [:]
    private var pending: [Change] = []
    /// How many of them a write-back of the file system has handed to the device.
    private var handedOver = 0

    mutating func apply(_ change: Change) {
        Self.apply(change, to: &names)
        pending.append(change)
    }

    private static func apply(_ change: Change, to names: inout [String: Int]) {
        switch change {
        case .link(let name, let inode): names[name] = inode
        case .unlink(let name): names[name] = nil
        case .rename(let from, let to, let inode):
            // A rename whose source never reached the platter cannot have happened there.
            guard names[from] == inode else { return }
            names[from] = nil
            names[to] = inode
        }
    }

    mutating func sync() {
        durable = names
        pending = []
        handedOver = 0
    }

    /// The directory's part of a syncfs.
    mutating func handOver() { handedOver = pending.count }

    /// The device empties its cache: what was handed over is on the platter.
    mutating func settleHandedOver() {
        for change in pending.prefix(handedOver) { Self.apply(change, to: &durable) }
        pending.removeFirst(handedOver)
        handedOver = 0
    }

    /// Names that a power cut may keep or lose.
    var pendingCount: Int { pending.count }

    /// Every file and directory that has a name here, or may have one after a power cut.
    var referenced: Set<Int> {
        var found = Set(names.values).union(durable.values)
        for change in pending {
            switch change {
            case .link(_, let inode), .rename(_, _, let inode): found.insert(inode)
            case .unlink: break
            }
        }
        return found
    }

    /// The power goes: `choose` says of each change since the last sync whether (1) it is on the
    /// platter or (0) not.
    mutating func cutPower(choosing choose: (Int) -> Int) {
        for change in pending where choose(2) == 1 { Self.apply(change, to: &durable) }
        names = durable
        pending = []
        handedOver = 0
    }
}
