import Testing
import VarvePlatform
import VarveSimulation

/// The simulated disk forgets what a real one may forget; a kinder one would find no bugs.
@Suite struct SimulatedDiskTests {
    private func write(_ byte: UInt8, _ count: Int, to file: any DiskFile) throws {
        let bytes = ByteSlice([UInt8](repeating: byte, count: count))
        try bytes.withUnsafeBytes { (raw) throws(SystemError) in try file.write(raw, at: 0) }
    }

    @Test func anUnsyncedNameIsLost() throws {
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("/a", .create)
        try write(1, 10, to: file)
        try file.syncData()
        disk.powerCut(keep: 0)
        #expect(try disk.entry("/a") == nil, "syncing a file does not sync its name")
        _ = try disk.open("/b", .create)
        try disk.syncDirectory("")
        try disk.rename("/b", to: "/c")
        disk.powerCut(keep: 0)
        #expect(try disk.list("") == ["b"])
        try disk.remove("/b")
        disk.powerCut(keep: 0)
        #expect(try disk.list("") == ["b"], "a removal that was not synced comes back")
    }

    @Test func unsyncedSectorsAreLostOneByOne() throws {
        var mixed = 0
        for seed in UInt64(0)..<20 {
            let disk = SimulatedDisk(seed: seed)
            let file = try disk.open("/a", .create)
            try disk.syncDirectory("")
            try write(1, 8 * 512, to: file)
            try file.syncData()
            try write(2, 8 * 512, to: file)
            disk.powerCut(keep: 50)
            let found = disk.contents("/a")!
            for sector in 0..<8 {
                #expect(Set(found[sector * 512..<sector * 512 + 512]).count == 1, "torn sector")
            }
            if Set(found) == [1, 2] { mixed += 1 }
        }
        #expect(mixed > 10)
    }

    @Test func whatStandsBehindTheEndShowsWhenTheSizeGrows() throws {
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("/a", .create)
        try disk.syncDirectory("")
        try write(1, 10, to: file)
        #expect(disk.crashChoices == [2, 2], "a sector and the size")
        var choices = [1, 0]
        disk.powerCut { _ in choices.removeFirst() }
        #expect(disk.contents("/a") == [], "an empty file has no block")

        let again = try disk.open("/a", .create)
        try write(2, 10, to: again)
        try again.syncData()
        try write(3, 20, to: again)
        choices = [1, 0]
        disk.powerCut { _ in choices.removeFirst() }
        #expect(disk.contents("/a")! == [UInt8](repeating: 3, count: 10))
        let grown = try disk.open("/a", .create)
        try write(4, 20, to: grown)
        choices = [0, 1]
        disk.powerCut { _ in choices.removeFirst() }
        #expect(disk.contents("/a")! == [UInt8](repeating: 3, count: 20))
    }

    @Test func aSyncAfterAFailedOneLies() throws {
        for seed in UInt64(0)..<20 {
            let disk = SimulatedDisk(seed: seed)
            let file = try disk.open("/a", .create)
            try disk.syncDirectory("")
            try write(1, 8 * 512, to: file)
            try file.syncData()
            try write(2, 8 * 512, to: file)
            disk.fail(.init(operation: disk.operationCount, errno: SystemError.eio))
            #expect(throws: SystemError.self) { try file.syncData() }
            try file.syncData()
            #expect(Set(disk.contents("/a")!) == [2], "the cache shows what was written")
            try file.dropCache()
            let onDisk = disk.contents("/a")!
            disk.powerCut(keep: 0)
            #expect(disk.contents("/a")! == onDisk, "and without the cache, what is there")
            #expect(onDisk.contains(1) || seed > 0)
        }
    }

    @Test func theDeadDoNothing() throws {
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("/a", .create)
        disk.die(at: disk.operationCount)
        #expect(throws: SystemError.self) { try write(1, 10, to: file) }
        let left = disk.contents("/a")!.count
        #expect(throws: SystemError.self) { try write(1, 1000, to: file) }
        #expect(disk.contents("/a")!.count == left)
        disk.kill()
        #expect(throws: SystemError.self) { try write(1, 10, to: file) }
        _ = try disk.open("/a", .readWrite)
    }
}
