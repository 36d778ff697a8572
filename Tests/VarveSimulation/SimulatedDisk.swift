internal import VarvePlatform

/// A disk in memory that forgets like a real one.
///
/// It remembers what was synced, by sector and by directory entry; `powerCut` keeps or loses
/// everything else piece by piece. It can fail any operation, write short, lie about a sync after a
/// failed one, fill up, and stop at a chosen operation as if the process had died.
/// Everything random comes from the seed.
package final class SimulatedDisk: Sendable {
    /// A failure to come.
    package struct Fault: Sendable {
        /// Which operation fails, counted from the disk's beginning (`operationCount`).
        package var operation: Int
        package var errno: Int32
        /// All later operations of the kinds that change something fail as well.
        package var isLasting: Bool

        package init(operation: Int, errno: Int32, isLasting: Bool = false) {
            self.operation = operation
            self.errno = errno
            self.isLasting = isLasting
        }
    }

    /// What an operation does, for faults that concern only some and for counting.
    package enum Kind: String, Sendable {
        case look, read, open, write, truncate, sync, syncDirectory, name
        var isChange: Bool { self != .look && self != .read }
    }

    enum Inode {
        case file(SimulatedFileData)
        case directory(SimulatedDirectoryData)
    }

    struct State {
        var inodes: [Int: Inode] = [0: .directory(SimulatedDirectoryData())]
        var nextInode = 1
        var generator: Generator
        var operations = 0
        var fault: Fault?
        var faultsMet = 0
        /// Every operation from this one on fails: the process is gone.
        var deathAt: Int?
        var capacity: Int?
        /// Raised by a power cut or a kill: files opened before are dead.
        var life = 0
        var locked: [String: Int] = [:]
        var counts: [Kind: Int] = [:]
        var faultKinds: Set<Kind>?
        /// A name that goes just before an operation.
        var erasure: (operation: Int, path: String)?
        var log: [String]?
        var open = 0
        var openPeak = 0
        var openByInode: [Int: Int] = [:]
        /// What a write-back has handed to the device and no sync has settled yet.
        var handedOver: [Int] = []
        var writeBackMilliseconds: UInt32 = 0
        var unsyncedCloses: [String] = []
        var observer: (@Sendable () -> Void)?
    }

    let state: Lock<State>
    let sectorBytes: Int

    /// - Parameter sectorBytes: what a power cut keeps or loses as one. With less than a real
    ///   disk's 512 bytes, tears in rare places are not rare.
    package init(seed: UInt64, sectorBytes: Int = 512) {
        self.sectorBytes = sectorBytes
        state = Lock(State(generator: Generator(seed: seed)))
    }

    // MARK: What tests do to it

    /// Operations so far; the next one has this number.
    package var operationCount: Int { state.withLock { $0.operations } }
    /// How often a fault was met.
    package var faultsMet: Int { state.withLock { $0.faultsMet } }
    /// Operations of one kind so far.
    package func count(of kind: Kind) -> Int { state.withLock { $0.counts[kind] ?? 0 } }

    /// Sets or removes the failure to come. `kinds` limits it to some operations.
    package func fail(_ fault: Fault?, only kinds: Set<Kind>? = nil) {
        state.withLock { state in
            state.fault = fault
            state.faultKinds = kinds
        }
    }

    /// From operation `operation` on everything fails, until `kill` or `powerCut`.
    package func die(at operation: Int?) { state.withLock { $0.deathAt = operation } }
    package var isDead: Bool {
        state.withLock { state in state.deathAt.map { state.operations > $0 } ?? false }
    }

    /// All files together may hold so many bytes; nil for any number.
    package func setCapacity(_ bytes: Int?) { state.withLock { $0.capacity = bytes } }

    /// Keeps a list of operations from now on; `operationLog` reads it.
    package func beginLog() { state.withLock { $0.log = [] } }
    package var operationLog: [String] { state.withLock { $0.log ?? [] } }

    /// The process dies, the machine goes on: files and locks are closed, the cache stays. The
    /// failure to come stays as well, if `keepsFault`.
    package func kill(keepsFault: Bool = false) {
        state.withLock { state in
            state.life += 1
            state.locked = [:]
            state.deathAt = nil
            if !keepsFault { state.fault = nil }
        }
    }

    /// The power goes. `keep` of 100 says how likely each unsynced sector and name survives; nil
    /// picks one of 0, 10, 50, 90 and 100 at random.
    package func powerCut(keep: Int? = nil) {
        var generator = state.withLock { state in
            defer { _ = state.generator.next() }
            return state.generator
        }
        let keep = keep ?? [0, 10, 50, 90, 100][generator.int(0..<5)]
        powerCut { ways in
            if keep == 0 { return 0 }
            if generator.chance(keep, in: 100) { return ways - 1 }
            return ways == 2 ? 0 : generator.int(0..<ways - 1)
        }
    }

    /// What a power cut now would decide, piece by piece: in how many ways each unsynced sector,
    /// size and name may go. All combinations are legal.
    package var crashChoices: [Int] {
        state.withLock { state in
            Self.inDoubt(state).flatMap { inode -> [Int] in
                switch state.inodes[inode]! {
                case .file(let file): file.choices
                case .directory(let directory): .init(repeating: 2, count: directory.pendingCount)
                }
            }
        }
    }

    /// The power goes when all unsynced names are on the platter, and of the files all that is
    /// unsynced of one kind, data or sizes, or of both, or nothing.
    package func powerCut(keepsData: Bool, keepsSizes: Bool) {
        let keeps = state.withLock { state in
            Self.inDoubt(state).flatMap { inode -> [Bool] in
                switch state.inodes[inode]! {
                case .file(let file):
                    file.choices.indices.map {
                        $0 < file.sectorsInDoubt ? keepsData : keepsSizes
                    }
                case .directory(let directory):
                    .init(repeating: true, count: directory.pendingCount)
                }
            }
        }
        var rest = keeps[...]
        powerCut { ways in rest.removeFirst() ? ways - 1 : 0 }
    }

    /// The power goes, and `choose` says for each of `crashChoices`, in order, which way: from 0,
    /// as it was synced, to one less than what it is handed, as it was last.
    package func powerCut(choosing choose: (Int) -> Int) {
        kill()
        state.withLock { state in
            for inode in Self.inDoubt(state) {
                switch state.inodes[inode]! {
                case .file(var file):
                    state.inodes[inode] = .directory(SimulatedDirectoryData())
                    file.cutPower(choosing: choose)
                    state.inodes[inode] = .file(file)
                case .directory(var directory):
                    directory.cutPower(choosing: choose)
                    state.inodes[inode] = .directory(directory)
                }
            }
            let reachable = Set(Self.reachable(state))
            state.inodes = state.inodes.filter { reachable.contains($0.key) }
        }
    }

    /// Everything that has a name or may get one back, in order.
    private static func reachable(_ state: State) -> [Int] {
        var found: Set<Int> = [0]
        var waiting = [0]
        while let inode = waiting.popLast() {
            guard case .directory(let directory)? = state.inodes[inode] else { continue }
            for child in directory.referenced where found.insert(child).inserted {
                waiting.append(child)
            }
        }
        return found.sorted()
    }

    private static func inDoubt(_ state: State) -> [Int] {
        reachable(state).filter { inode in
            switch state.inodes[inode]! {
            case .file(let file): !file.choices.isEmpty
            case .directory(let directory): directory.pendingCount > 0
            }
        }
    }

    /// The same disk once more, as it is now, for somebody else to cut the power of. Nothing on it
    /// is open or locked, and no failure is to come.
    package func fork(seed: UInt64 = 0) -> SimulatedDisk {
        let fork = SimulatedDisk(seed: seed, sectorBytes: sectorBytes)
        state.withLock { state in
            fork.state.withLock { copy in
                copy.inodes = state.inodes
                copy.nextInode = state.nextInode
                copy.capacity = state.capacity
            }
        }
        return fork
    }

    /// `observer` is called after every operation that changed something, on the thread of the
    /// operation, before that returns.
    package func setObserver(_ observer: (@Sendable () -> Void)?) {
        state.withLock { $0.observer = observer }
    }

    func changed() {
        state.withLock { $0.observer }?()
    }

    /// The bytes of a file, past all faults.
    package func contents(_ path: String) -> [UInt8]? {
        state.withLock { state in
            guard let inode = Self.find(path, state), case .file(let file) = state.inodes[inode]
            else { return nil }
            return file.cached
        }
    }

    /// Replaces a file's bytes, durably: what bit rot and careless people do.
    package func setContents(_ path: String, _ bytes: [UInt8]) {
        state.withLock { state in
            guard let inode = Self.find(path, state), case .file(var file) = state.inodes[inode]
            else { preconditionFailure("no file \(path)") }
            file.truncate(to: 0)
            bytes.withUnsafeBytes { file.write($0, at: 0) }
            file.sync()
            state.inodes[inode] = .file(file)
        }
    }

    /// Flips a bit of a file, in the cache and on the platter; false where the file is shorter.
    package func damage(_ path: String, at position: Int) -> Bool {
        changeFile(path) { $0.flip(position, isDurable: true) }
    }

    /// Flips a bit in the page cache only: the platter has it right.
    @discardableResult
    package func damageCache(_ path: String, at position: Int) -> Bool {
        changeFile(path) { $0.flip(position, isDurable: false) }
    }

    private func changeFile(_ path: String, _ body: (inout SimulatedFileData) -> Bool) -> Bool {
        state.withLock { state in
            guard let inode = Self.find(path, state), case .file(var file) = state.inodes[inode]
            else { return false }
            state.inodes[inode] = .directory(SimulatedDirectoryData())
            defer { state.inodes[inode] = .file(file) }
            return body(&file)
        }
    }

    /// Takes a name out of its directory, durably.
    package func erase(_ path: String) {
        state.withLock { Self.erase(path, &$0) }
    }

    /// Does that just before operation `operation`, as somebody else at work there would.
    package func erase(_ path: String, before operation: Int) {
        state.withLock { $0.erasure = (operation, path) }
    }

    static func erase(_ path: String, _ state: inout State) {
        let (parent, name) = split(path)
        guard let inode = find(parent, state), case .directory(var directory) = state.inodes[inode]
        else { preconditionFailure("no directory \(parent)") }
        directory.apply(.unlink(name))
        directory.sync()
        state.inodes[inode] = .directory(directory)
    }

    /// Every file there is, sorted.
    package var allFiles: [String] {
        state.withLock { state in
            var found: [String] = []
            func walk(_ inode: Int, _ path: String) {
                switch state.inodes[inode]! {
                case .file: found.append(path)
                case .directory(let directory):
                    for (name, child) in directory.names { walk(child, path + "/" + name) }
                }
            }
            walk(0, "")
            return found.sorted()
        }
    }

    /// Files open now.
    package var openFileCount: Int { state.withLock { $0.open } }
    /// The most files that were open at a time, since the last `forgetPeak`.
    package var openFilePeak: Int { state.withLock { $0.openPeak } }
    package func forgetPeak() { state.withLock { $0.openPeak = $0.open } }

    /// Files whose last descriptor was closed while they had unsynced bytes, while the process
    /// lived: a failed writeback of these would be told to nobody (I6).
    package var unsyncedCloses: [String] { state.withLock { $0.unsyncedCloses } }
}
