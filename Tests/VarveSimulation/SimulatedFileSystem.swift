internal import Glibc
package import VarvePlatform

/// All files of a simulated disk, written back together.
///
/// As with syncfs, what is written back is in the device's own cache then, and on the platter after
/// the next sync of any file.
private final class SimulatedFileSystem: DiskFileSystem {
    private let disk: SimulatedDisk
    private let path: String

    init(_ disk: SimulatedDisk, _ path: String) {
        self.disk = disk
        self.path = path
    }

    func writeBack() throws(SystemError) { try disk.writeBack(path) }
}

extension SimulatedDisk {
    package func fileSystem(of path: String) throws(SystemError) -> (any DiskFileSystem)? {
        SimulatedFileSystem(self, path)
    }

    /// A write-back takes so long: somebody else has written much to the file system.
    package func setWriteBackTime(milliseconds: UInt32) {
        state.withLock { $0.writeBackMilliseconds = milliseconds }
    }

    fileprivate func writeBack(_ path: String) throws(SystemError) {
        let time = state.withLock { $0.writeBackMilliseconds }
        if time > 0 { usleep(time * 1000) }
        do throws(SystemError) {
            try state.withLock { (state) throws(SystemError) in
                try begin(&state, .sync, "syncfs", path)
                state.handedOver = Self.changeAll(
                    &state, Self.unsynced(state), { $0.handOver() }, { $0.handOver() })
            }
        } catch {
            state.withLock { state in
                guard !Self.wasDead(state) else { return }
                // Any of the files may be the one, or none: it was somebody else's.
                var generator = state.generator
                Self.changeAll(
                    &state, Self.unsynced(state),
                    { if generator.chance(1, in: 2) { $0.failWriteBack(&generator) } }, { _ in })
                state.generator = generator
            }
            throw error
        }
        changed()
    }

    /// The device's cache is emptied.
    func settleHandedOver() {
        state.withLock { state in
            Self.changeAll(
                &state, state.handedOver, { $0.settleHandedOver() }, { $0.settleHandedOver() })
            state.handedOver = []
        }
    }

    private static func unsynced(_ state: State) -> [Int] {
        state.inodes.keys.sorted().filter { inode in
            switch state.inodes[inode]! {
            case .file(let file): file.hasUnsynced
            case .directory(let directory): directory.pendingCount > 0
            }
        }
    }

    @discardableResult
    private static func changeAll(
        _ state: inout State, _ inodes: [Int], _ changeFile: (inout SimulatedFileData) -> Void,
        _ changeDirectory: (inout SimulatedDirectoryData) -> Void
    ) -> [Int] {
        for inode in inodes {
            switch state.inodes[inode] {
            case .file(var file):
                // The table's copy goes first, or every change would copy the whole file.
                state.inodes[inode] = .directory(SimulatedDirectoryData())
                changeFile(&file)
                state.inodes[inode] = .file(file)
            case .directory(var directory):
                changeDirectory(&directory)
                state.inodes[inode] = .directory(directory)
            case nil: break
            }
        }
        return inodes
    }
}
