import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// The plan says beforehand what the repair then does, and changes nothing.
@Suite struct RepairTests {
    private func makeLog() throws -> LogFixture {
        var fixture = try LogFixture()
        try fixture.appendFourToASegment(14)
        return fixture
    }

    private func stop(_ fixture: LogFixture, cleanly: Bool) throws {
        if cleanly { try fixture.directory.close(now: fixture.now) }
        fixture.disk.kill()
    }

    private func repair(_ fixture: LogFixture) -> Repair {
        Repair(
            path: "/data", disk: fixture.disk, options: LogFixture.options(),
            now: fixture.now + 3_600_000)
    }

    private func plan(_ fixture: LogFixture) throws -> Repair.Report {
        let scratch = SimulatedDisk(seed: 9)
        return try repair(fixture).plan(scratch: try scratch.open("/scratch", .createNew))
    }

    private func contents(_ disk: SimulatedDisk) -> [String: [UInt8]] {
        var all: [String: [UInt8]] = [:]
        for path in disk.allFiles { all[path] = disk.contents(path) }
        return all
    }

    private func isClean(_ disk: SimulatedDisk) throws -> [Finding] {
        var verification = Verification(path: "/data", disk: disk, options: .init())
        return try verification.run().findings
    }

    @Test(arguments: [true, false])
    func aHealthyDirectoryHasNothingToRepairAndKeepsItsFiles(isCleanStop: Bool) throws {
        let fixture = try makeLog()
        try stop(fixture, cleanly: isCleanStop)
        let before = contents(fixture.disk)
        let report = try plan(fixture)
        #expect(report.isClean, "\(report.text)")
        #expect(contents(fixture.disk) == before, "a plan changes nothing")
        #expect(report.recovery.bytesScanned > 3000, "all of it was read")
        let done = try repair(fixture).execute()
        #expect(done.isClean && done.partitions == report.partitions)
        guard isCleanStop else { return }
        for (path, bytes) in contents(fixture.disk)
        where !path.hasSuffix("/durable") && !path.hasSuffix("varve.lock") {
            #expect(bytes == before[path], "\(path) is kept as it was")
        }
    }

    @Test func reportsOfPlanAndRepairAreTheSameWhateverTheDamage() throws {
        let seed = Generator.seed(for: "repair")
        var generator = Generator(seed: seed)
        var damageCount = 0
        var noteCount = 0
        for trial in 0..<120 {
            let fixture = try makeLog()
            try stop(fixture, cleanly: generator.int(0...3) > 0)
            let names = fixture.disk.allFiles.filter { $0.hasPrefix("/data/topics/events/0/") }
            var story: [String] = []
            for _ in 0..<generator.int(1...3) {
                let path = names[generator.int(0..<names.count)]
                guard var bytes = fixture.disk.contents(path), !bytes.isEmpty else { continue }
                let at = generator.int(0..<bytes.count)
                let count = min(bytes.count - at, generator.int(1...300))
                switch generator.int(0...5) {
                case 0: bytes[at] ^= UInt8(1 << generator.int(0...7))
                case 1: for index in at..<at + count { bytes[index] = 0 }
                case 2: bytes.removeLast(bytes.count - at)
                case 3: bytes += generator.bytes(count)
                case 4: bytes.replaceSubrange(at..<at + count, with: generator.bytes(count))
                default:
                    fixture.disk.erase(path)
                    story.append("\(path) erased")
                    continue
                }
                fixture.disk.setContents(path, bytes)
                story.append("\(path) changed at \(at), \(count)")
            }
            let before = contents(fixture.disk)
            let planned = try plan(fixture)
            #expect(contents(fixture.disk) == before, "a plan changes nothing: \(story)")
            let done = try repair(fixture).execute()
            let place = "seed \(seed) trial \(trial): \(story)"
            #expect(planned.text == done.text, "\(place)")
            #expect(planned.json == done.json, "\(place)")
            #expect(planned.partitions == done.partitions, "\(place)")
            #expect(planned.recovery.partitions == done.recovery.partitions, "\(place)")
            damageCount += done.recovery.damages.count
            noteCount += done.recovery.partitions.reduce(0) { $0 + $1.notes.count }
            for damage in done.recovery.damages where !damage.quarantine.isEmpty {
                #expect(
                    fixture.disk.contents(damage.quarantine)?.count == Int(damage.byteCount),
                    "\(place)")
            }
            // A repaired directory is clean, and a second repair has nothing to do (I5).
            fixture.disk.kill()
            let findings = try isClean(fixture.disk).filter { $0.kind != .segmentMissing }
            #expect(findings.allSatisfy { $0.kind == .epochDamaged }, "\(place): \(findings)")
            let again = try plan(fixture)
            #expect(again.isClean, "\(place): \(again.text)")
        }
        #expect(damageCount > 15 && noteCount > 20, "\(damageCount) damages, \(noteCount) notes")
    }

    @Test func aDamagedIndexIsBuiltAnewAndSaid() throws {
        for (suffix, words) in [
            ("index", "an index of segment 8 did not match"),
            ("timeindex", "an index of segment 8 did not match"),
            ("seal", "the seal of segment 8 was missing or damaged"),
        ] {
            let fixture = try makeLog()
            try stop(fixture, cleanly: true)
            let path = fixture.path(8, suffix)
            let good = fixture.disk.contents(path)!
            var bad = good
            bad[bad.count / 2] ^= 1
            fixture.disk.setContents(path, bad)
            let planned = try plan(fixture)
            #expect(planned.text.contains(words), "\(planned.text)")
            #expect(try repair(fixture).execute().text == planned.text)
            fixture.disk.kill()
            #expect(try isClean(fixture.disk).isEmpty)
        }
    }

    @Test func anIndexThatIsWrongInSpiteOfItsChecksumIsBuiltAnew() throws {
        for (suffix, byte) in [("index", 3), ("index", 7), ("timeindex", 7), ("timeindex", 11)] {
            let fixture = try makeLog()
            try stop(fixture, cleanly: true)
            fixture.forge(suffix, byte: byte)
            #expect(try isClean(fixture.disk).count == 1)
            let planned = try plan(fixture)
            #expect(planned.text.contains("an index of segment 8 did not match; built anew"))
            #expect(try repair(fixture).execute().text == planned.text)
            fixture.disk.kill()
            #expect(try isClean(fixture.disk).isEmpty)
        }
    }

    @Test func appendTimesSurviveARepairThatReadsEverything() throws {
        let fixture = try makeLog()
        try stop(fixture, cleanly: true)
        _ = try repair(fixture).execute()
        var options = LogFixture.options()
        options.topicDefaults = try TopicConfiguration(overrides: ["retention.ms": "1000"])
        let directory = try DataDirectory.open(
            path: "/data", disk: fixture.disk, options: options, now: fixture.now, logger: nil)
        let plan = directory.retentionPlan(now: fixture.now + 2000)
        #expect(!plan.isEmpty, "retention counts from the append, not from the repair")
    }

    @Test func aDirectoryInUseIsRefusedAndNamesItsHolder() throws {
        let fixture = try makeLog()
        #expect(throws: LogError.self) { _ = try plan(fixture) }
        do {
            _ = try plan(fixture)
        } catch LogError.directoryLocked(_, let holder) {
            #expect(holder.hasPrefix("process "))
        }
        let empty = SimulatedDisk(seed: 3)
        try empty.createDirectory("/data")
        #expect(throws: LogError.self) {
            _ = try Repair(path: "/data", disk: empty, options: .init(), now: 0).execute()
        }
        #expect(empty.allFiles.isEmpty, "no directory is made where none was")
    }

    // MARK: The overlay

    @Test func anOverlayIsTheDiskThatItWouldHaveMade() throws {
        let seed = Generator.seed(for: "repair")
        var generator = Generator(seed: seed)
        for round in 0..<20 {
            let below = SimulatedDisk(seed: 1)
            let twin = SimulatedDisk(seed: 1)
            for disk in [below, twin] {
                try disk.createDirectory("/d")
                for name in ["a", "b", "c"] {
                    let file = try disk.open("/d/" + name, .create)
                    let bytes = ByteSlice((0..<50_000).map { UInt8(truncatingIfNeeded: $0 / 7) })
                    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
                }
            }
            let before = contents(below)
            let scratch = SimulatedDisk(seed: 2)
            let overlay = OverlayDisk(
                over: below, scratch: try scratch.open("/scratch", .createNew))
            let disks: [any Disk] = [overlay, twin]
            for step in 0..<60 {
                let path = "/d/" + ["a", "b", "c", "e", "f"][generator.int(0..<5)]
                let other = "/d/" + ["a", "b", "g"][generator.int(0..<3)]
                let position = Int64(generator.int(0...70_000))
                let bytes = ByteSlice(generator.bytes(generator.int(1...40_000)))
                let choice = generator.int(0...9)
                let outcomes = disks.map { disk -> String in
                    do {
                        switch choice {
                        case 0...3:
                            let file = try disk.open(path, .create)
                            try bytes.withUnsafeBytes { try file.write($0, at: position) }
                        case 4...5: try disk.open(path, .readWrite).truncate(to: position)
                        case 6: try disk.remove(path)
                        case 7: if path != other { try disk.rename(path, to: other) }
                        case 8: _ = try disk.open(path, .createNew)
                        default: try disk.open(path, .read).dropCache()
                        }
                        return "done"
                    } catch {
                        return "\(error)"
                    }
                }
                #expect(outcomes[0] == outcomes[1], "seed \(seed) round \(round) step \(step)")
                let names = try overlay.list("/d")
                #expect(names == (try twin.list("/d")), "seed \(seed) round \(round) step \(step)")
                for name in names {
                    let seen = try overlay.readAll("/d/" + name)
                    #expect(
                        seen == (try twin.readAll("/d/" + name)),
                        "seed \(seed) round \(round) step \(step) \(name)")
                }
            }
            #expect(contents(below) == before, "the disk below stays as it is")
        }
    }

    @Test func anOverlayKeepsDirectoriesToItself() throws {
        let below = SimulatedDisk(seed: 1)
        try below.createDirectory("/d")
        try below.createDirectory("/d/old")
        _ = try below.open("/d/old/file", .create)
        let scratch = SimulatedDisk(seed: 2)
        let overlay = OverlayDisk(over: below, scratch: try scratch.open("/scratch", .createNew))
        #expect(throws: SystemError.self) { try overlay.removeDirectory("/d/old") }
        try overlay.remove("/d/old/file")
        try overlay.removeDirectory("/d/old")
        #expect(try overlay.list("/d") == [])
        #expect(try overlay.entry("/d/old/file") == nil)
        try overlay.createDirectory("/d/old")
        #expect(try overlay.list("/d/old") == [])
        try overlay.createDirectory("/d/new")
        _ = try overlay.open("/d/new/x", .create)
        #expect(try overlay.list("/d/new") == ["x"] && overlay.entry("/d/new") == .directory)
        #expect(throws: SystemError.self) { _ = try overlay.open("/d/none/x", .create) }
        #expect(try below.list("/d/old") == ["file"] && below.list("/d") == ["old"])
        #expect(overlay.changes.contains("/d/new/x"))
    }
}
