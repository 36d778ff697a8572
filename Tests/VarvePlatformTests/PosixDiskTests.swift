import Foundation
import Testing
import VarvePlatform

@Suite struct PosixDiskTests {
    private func withDirectory(_ body: (PosixDisk, String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "varve-disk-\(UniqueID.random())"
        let disk = PosixDisk()
        try disk.createDirectory(path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(disk, path)
    }

    private func write(_ bytes: [UInt8], to file: any DiskFile, at position: Int64) throws {
        try ByteSlice(bytes).withUnsafeBytes { (raw) throws(SystemError) in
            try file.write(raw, at: position)
        }
    }

    private func contents(_ disk: PosixDisk, _ path: String) throws -> [UInt8] {
        try disk.readAll(path).array
    }

    @Test func filesReadBackWhatWasWritten() throws {
        try withDirectory { disk, path in
            let file = try disk.open(path + "/a", .createNew)
            try write([1, 2, 3], to: file, at: 0)
            try write([9], to: file, at: 5)
            try file.syncData()
            try disk.syncDirectory(path)
            try file.dropCache()
            #expect(try contents(disk, path + "/a") == [1, 2, 3, 0, 0, 9])
            #expect(try file.size() == 6)
            try file.truncate(to: 2)
            #expect(try disk.entry(path + "/a") == .file(size: 2))
            let rest = try ByteSlice(filling: 100) { (buffer) throws(SystemError) in
                try file.read(into: buffer, at: 1)
            }
            #expect(rest.array == [2])
        }
    }

    @Test func spaceSetAsideIsNoPartOfTheFileAndComesBack() throws {
        try withDirectory { disk, path in
            let file = try disk.open(path + "/a", .createNew)
            try write([UInt8](repeating: 7, count: 10_000), to: file, at: 0)
            try file.syncData()
            func blockBytes() throws -> Int {
                let values = try URL(fileURLWithPath: path + "/a")
                    .resourceValues(forKeys: [.totalFileAllocatedSizeKey])
                return values.totalFileAllocatedSize ?? 0
            }
            let before = try blockBytes()
            file.setSpaceAside(1 << 20)
            #expect(try file.size() == 10_000)
            // tmpfs and others may know no such thing.
            if try blockBytes() == before { return }
            #expect(try blockBytes() >= before + 1 << 20)
            try write([8], to: file, at: 10_000)
            #expect(try file.size() == 10_001)
            try file.truncate(to: 10_001)
            try file.syncData()
            #expect(try blockBytes() <= before + 4096)
            #expect(try contents(disk, path + "/a").suffix(3) == [7, 7, 8])
        }
    }

    @Test func spaceIsNotSetAsideWhereThatWouldTakeMuchOfIt() throws {
        try withDirectory { disk, path in
            let file = try disk.open(path + "/a", .createNew)
            let free = try disk.freeBytes(path)
            file.setSpaceAside(free / 32)
            #expect(try disk.freeBytes(path) > free - free / 64)
        }
    }

    @Test func headAndBodyLandBehindEachOther() throws {
        try withDirectory { disk, path in
            let file = try disk.open(path + "/a", .create)
            // Bodies below, at and beyond what one call carries.
            var position: Int64 = 3
            for count in [0, 1, 1000, (256 << 10) - 61, 256 << 10, 1 << 20] {
                let head = ByteSlice((0..<61).map { UInt8($0) })
                let body = ByteSlice((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) })
                try head.withUnsafeBytes { (first) throws(SystemError) in
                    try body.withUnsafeBytes { (second) throws(SystemError) in
                        try file.write(first, second, at: position)
                    }
                }
                let back = try ByteSlice(filling: 61 + count) { (buffer) throws(SystemError) in
                    try file.read(into: buffer, at: position)
                }
                #expect(back == ByteSlice(head.array + body.array), "\(count) bytes")
                position += Int64(61 + count)
                #expect(try file.size() == position)
            }
        }
    }

    @Test func openModesHoldTheirPromises() throws {
        try withDirectory { disk, path in
            for mode in [DiskOpenMode.read, .readWrite] {
                #expect(throws: SystemError.self) { try disk.open(path + "/none", mode) }
            }
            _ = try disk.open(path + "/a", .createNew)
            do {
                _ = try disk.open(path + "/a", .createNew)
                Issue.record("made twice")
            } catch let error as SystemError {
                #expect(error.isExisting && error.call == "open" && error.subject == path + "/a")
            }
            _ = try disk.open(path + "/a", .create)
            _ = try disk.open(path + "/a", .readWrite)
        }
    }

    @Test func namesAreListedRenamedAndRemoved() throws {
        try withDirectory { disk, path in
            try disk.createDirectory(path + "/d")
            try disk.createDirectory(path + "/d")
            _ = try disk.open(path + "/b", .create)
            _ = try disk.open(path + "/a", .create)
            #expect(try disk.list(path) == ["a", "b", "d"])
            #expect(try disk.entry(path + "/d") == .directory)
            #expect(try disk.entry(path + "/x") == nil)
            #expect(try disk.entry(path + "/a/x") == nil)
            try disk.rename(path + "/a", to: path + "/b")
            try disk.removeDirectory(path + "/d")
            #expect(try disk.list(path) == ["b"])
            try disk.remove(path + "/b")
            #expect(try disk.list(path).isEmpty)
            do {
                try disk.remove(path + "/b")
                Issue.record("removed twice")
            } catch let error as SystemError {
                #expect(error.isMissing)
            }
            #expect(try disk.freeBytes(path) > 0)
        }
    }

    @Test func replaceLeavesNoPieceBehind() throws {
        try withDirectory { disk, path in
            try disk.replace(path + "/a", with: "longer than the next", inDirectory: path)
            try disk.replace(path + "/a", with: "short", inDirectory: path)
            #expect(try contents(disk, path + "/a") == Array("short".utf8))
            #expect(try disk.list(path) == ["a"])
            #expect(throws: SystemError.self) { try disk.readAll(path + "/a", bytesMax: 4) }
        }
    }

    @Test func oneHolderHasALock() throws {
        try withDirectory { disk, path in
            var first = try disk.lock(path + "/lock")
            #expect(first != nil)
            #expect(try disk.lock(path + "/lock") == nil)
            first = nil
            #expect(try disk.lock(path + "/lock") != nil)
        }
    }

    /// A program that is being started has copies of all descriptors for a moment.
    @Test func aCopyOfItsDescriptorDoesNotKeepALock() throws {
        try withDirectory { disk, path in
            var first = try disk.lock(path + "/lock")
            let copy = dup(try #require(first as? PosixFile).descriptor)
            defer { close(copy) }
            first = nil
            #expect(try disk.lock(path + "/lock") != nil)
        }
    }
}
