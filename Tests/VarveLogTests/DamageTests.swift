import Testing
import VarveLog
import VarvePlatform
import VarveProof
import VarveRecords
import VarveSimulation

/// Damaged files: what is bad is found, set aside and reported; what is good stays readable.
@Suite struct DamageTests {
    /// A log of three segments, closed cleanly, with producers in it.
    private func makeLog() throws -> (fixture: LogFixture, batches: [Int64: ByteSlice]) {
        var fixture = try LogFixture()
        let batches = try fixture.appendFourToASegment(12)
        try fixture.stop()
        return (fixture, batches)
    }

    /// What can be read of the log, batch by batch, stepping over what cannot.
    private func readable(_ log: PartitionLog) -> (found: [Int64: ByteSlice], errors: Int) {
        let (found, errors) = log.readableBatches()
        return (found, errors.count)
    }

    @Test func noFlippedBitIsEverServed() throws {
        let (original, batches) = try makeLog()
        var detected = 0
        for base: Int64 in [0, 8, 16] {
            let path = original.path(base, "log")
            let good = original.disk.contents(path)!
            for position in stride(from: 0, to: good.count, by: 7) {
                let (copy, _) = try makeLog()
                var fixture = copy
                var bad = good
                bad[position] ^= UInt8(1 << (position % 8))
                fixture.disk.setContents(path, bad)
                try fixture.reopen()
                let (found, errors) = readable(fixture.log)
                for (offset, bytes) in found {
                    // The epoch (bytes 12 to 15) is the broker's and outside the checksum.
                    #expect(
                        bytes[16...] == batches[offset]?[16...]
                            && bytes[..<12] == batches[offset]?[..<12],
                        "segment \(base) position \(position): offset \(offset)")
                }
                if errors > 0 { detected += 1 }
                let isEpoch = (12..<16).contains(position % 228)
                #expect(
                    isEpoch || (batches.count - 2..<batches.count).contains(found.count),
                    "segment \(base) position \(position): the flip was not seen")
                // What a read came upon, the next start sets right or aside, and says so.
                fixture.disk.kill()
                try fixture.reopen()
                let (after, errorsAfter) = readable(fixture.log)
                #expect(errorsAfter == 0 && after.count >= batches.count - 1)
                let report = fixture.directory.recovery
                #expect(
                    isEpoch || report.damages.count == 1 || !report.partitions[0].notes.isEmpty,
                    "segment \(base) position \(position): \(report)")
                for (offset, bytes) in after { #expect(bytes[16...] == batches[offset]?[16...]) }
            }
        }
        #expect(detected > 100)
    }

    /// The checksum does not cover offsets: one that no index could hold is damage, and does not
    /// become the log's end.
    @Test func anOffsetBeyondTheSegmentsReachDoesNotCarryTheEndAway() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["one"])
        try fixture.restart()
        try fixture.append(["two"])
        fixture.disk.kill()
        let path = fixture.path(0, "log")
        var bytes = fixture.disk.contents(path)!
        // The first byte of the second batch, which no mark and no index knows of.
        bytes[LogFixture.batchEnd(bytes) / 2] = 0x0D
        fixture.disk.setContents(path, bytes)
        try fixture.reopen()
        #expect(fixture.log.endOffset == 1)
        #expect(try fixture.values() == ["one"])
        #expect(fixture.report.damages.count == 1)
        try fixture.append(["three"])
        fixture.directory.commitNow()
        #expect(try fixture.values() == ["one", "three"])
    }

    @Test func aFullReadSetsDamageAsideAndKeepsTheRest() throws {
        let (fixture, batches) = try makeLog()
        var reopened = fixture
        for base: Int64 in [0, 8, 16] {
            let path = fixture.path(base, "log")
            let good = fixture.disk.contents(path)!
            for position in stride(from: 17, to: good.count, by: 31)
            // The epoch is the broker's, outside the checksum, and not told from its neighbours.
            where !(12..<16).contains(position % 228) {
                // A fresh copy of everything, so that damages do not add up.
                let (copy, _) = try makeLog()
                reopened = copy
                var bad = good
                bad[position] ^= 0x10
                copy.disk.setContents(path, bad)
                copy.disk.kill()
                try reopened.reopen()
                let report = try reopened.log.reopen(now: copy.now, readsEverything: true)
                if position % 228 < 8 {
                    // The offset is outside the checksum as well, but its neighbours tell it.
                    #expect(report.damages.isEmpty && report.notes.count == 1)
                    #expect(readable(reopened.log).found == batches)
                    continue
                }
                #expect(report.damages.count == 1, "segment \(base) position \(position)")
                guard let damage = report.damages.first else { continue }
                #expect(damage.kind == .corruption && damage.path == path)
                #expect(
                    (damage.position..<damage.position + damage.byteCount).contains(
                        Int64(position)))
                let kept = copy.disk.contents(damage.quarantine)!
                #expect(
                    kept
                        == Array(bad[Int(damage.position)..<Int(damage.position + damage.byteCount)]),
                    "what was set aside is what was there (I7)")
                let (found, errors) = readable(reopened.log)
                #expect(errors == 0 && found.count == batches.count - 1)
                for (offset, bytes) in found { #expect(bytes == batches[offset]) }
                #expect(reopened.log.endOffset == 24, "offsets are not given out again (I3)")
                // Recovery is idempotent, and the next start has nothing to report (I5).
                copy.disk.kill()
                try reopened.reopen()
                #expect(reopened.directory.recovery.damages.isEmpty)
                #expect(readable(reopened.log).found == found)
            }
        }
    }

    @Test func everyTruncationOfTheTailKeepsWhatIsWhole() throws {
        let (fixture, batches) = try makeLog()
        let path = fixture.path(16, "log")
        let good = fixture.disk.contents(path)!
        for size in stride(from: 0, to: good.count, by: 5) {
            let (copy, _) = try makeLog()
            var reopened = copy
            copy.disk.setContents(path, Array(good[..<size]))
            try reopened.reopen()
            let (found, errors) = readable(reopened.log)
            #expect(errors == 0)
            for (offset, bytes) in found { #expect(bytes == batches[offset]) }
            #expect(found.count >= 8)
            #expect(reopened.log.endOffset == 24, "durable offsets are not given out again (I3)")
            #expect(!reopened.directory.recovery.damages.isEmpty)
            let next = try reopened.append(["next"])
            #expect(next.baseOffset == 24)
            reopened.directory.commitNow()
            copy.disk.kill()
            try reopened.reopen()
            #expect(readable(reopened.log).found.count == found.count + 1)
        }
    }

    @Test(arguments: ["index", "timeindex", "seal", "producers"])
    func aDamagedHelperFileChangesNothing(kind: String) throws {
        let (original, batches) = try makeLog()
        for path in original.disk.allFiles where path.hasSuffix("." + kind) {
            for change in 0..<6 {
                let (copy, _) = try makeLog()
                var reopened = copy
                let good = copy.disk.contents(path)!
                guard !good.isEmpty else { continue }
                var bad = good
                switch change {
                case 0: copy.disk.erase(path)
                case 1: bad = []
                case 2: bad = [UInt8](repeating: 0, count: good.count)
                case 3: bad = [UInt8](repeating: 0xFF, count: good.count)
                case 4: bad[good.count / 2] ^= 1
                default: bad = Array(good.dropLast(3))
                }
                if change > 0 { copy.disk.setContents(path, bad) }
                try reopened.reopen()
                let (found, errors) = readable(reopened.log)
                #expect(errors == 0 && found == batches, "\(path) change \(change)")
                for offset in Int64(0)..<24 {
                    let read = try reopened.log.read(from: offset, bytesMax: 1)
                    #expect(read.batches == batches[offset / 2 * 2])
                }
                #expect(
                    try reopened.log.offset(atOrAfter: copy.now + 5)?.offset == 10,
                    "\(path) change \(change)")
                #expect(reopened.directory.recovery.damages.isEmpty)
                // The producer's last batch is still known, so its retry is no new batch.
                let retry = Batches.batch(
                    [[UInt8](repeating: 11, count: 150), [11]], timestamp: copy.now + 11,
                    producerID: 7, epoch: 0, sequence: 22)
                #expect(
                    try reopened.log.append(retry, now: copy.now).isDuplicate,
                    "\(path) change \(change)")
            }
        }
    }

    @Test func aDamagedMarkOnlyMakesTheStartReadMore() throws {
        let (original, batches) = try makeLog()
        let path = "/data/topics/events/0/durable"
        let good = original.disk.contents(path)!
        for position in stride(from: 0, to: good.count, by: 3) {
            let (copy, _) = try makeLog()
            var reopened = copy
            var bad = good
            bad[position] ^= 0x40
            copy.disk.setContents(path, bad)
            try reopened.reopen()
            #expect(readable(reopened.log).found == batches, "position \(position)")
            #expect(reopened.directory.recovery.damages.isEmpty)
        }
        let (copy, _) = try makeLog()
        var reopened = copy
        copy.disk.erase(path)
        try reopened.reopen()
        #expect(readable(reopened.log).found == batches)
    }

    @Test func aHoleInTheUnsyncedTailLeavesAGapAndTheRest() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["durable"])
        fixture.directory.commitNow()
        for name in ["one", "two", "three"] { try fixture.append([name]) }
        let path = fixture.path(0, "log")
        var bytes = fixture.disk.contents(path)!
        // The second batch never reached the disk, the third and fourth did.
        let size = LogFixture.batchEnd(bytes) / 4
        let first = Batches.stamped(Batches.batch([Array("durable".utf8)]), at: 0).count
        for index in first..<first + size { bytes[index] = 0 }
        fixture.disk.kill()
        fixture.disk.setContents(path, bytes)
        try fixture.reopen()
        let damage = try #require(fixture.directory.recovery.damages.first)
        #expect(damage.kind == .tornWrite)
        #expect(try fixture.values() == ["durable", "two", "three"])
        #expect(fixture.log.endOffset == 4)
        #expect(fixture.disk.contents(damage.quarantine + "")!.count == Int(damage.byteCount))
        let json = String(damage.quarantine.dropLast(6)) + ".json"
        let report = try JSON(parsing: ByteSlice(fixture.disk.contents(json)!))
        #expect(report["kind"]?.string == "torn-write")
        #expect(report["position"]?.int == damage.position)
    }

    @Test func aTruncatedClosedSegmentIsReportedAndTheRestKept() throws {
        let (original, batches) = try makeLog()
        let path = original.path(8, "log")
        let good = original.disk.contents(path)!
        for size in stride(from: 0, to: good.count, by: 57) {
            let (copy, _) = try makeLog()
            var fixture = copy
            fixture.disk.setContents(path, Array(good[..<size]))
            try fixture.reopen()
            let (found, errors) = readable(fixture.log)
            #expect(errors == 0 && found.count == 8 + size / 228, "\(size) bytes left")
            for (offset, bytes) in found { #expect(bytes == batches[offset]) }
            let damages = fixture.directory.recovery.damages
            #expect(damages.count == 1 && damages.allSatisfy { $0.path == path })
            #expect(damages.first?.kind == .corruption)
        }
    }

    @Test func aCrashInsideARepairLosesNothing() throws {
        let (original, batches) = try makeLog()
        let path = original.path(16, "log")
        var bad = original.disk.contents(path)!
        bad[300] ^= 1
        var operation = 0
        while true {
            let (copy, _) = try makeLog()
            var fixture = copy
            fixture.disk.setContents(path, bad)
            try fixture.reopen()
            fixture.disk.die(at: fixture.disk.operationCount + operation)
            _ = try? fixture.log.reopen(now: fixture.now, readsEverything: true)
            let wasWhole = !fixture.disk.isDead
            if operation % 2 == 0 { fixture.disk.powerCut() } else { fixture.disk.kill() }
            try fixture.reopen()
            for _ in 0..<2 {
                let (found, errors) = readable(fixture.log)
                #expect(
                    found.count >= batches.count - 2,
                    "operation \(operation): \(errors) errors, \(fixture.directory.recovery)")
                for (offset, bytes) in found { #expect(bytes == batches[offset]) }
                _ = try fixture.log.reopen(now: fixture.now, readsEverything: true)
            }
            let (found, errors) = readable(fixture.log)
            #expect(errors == 0 && found.count == batches.count - 1, "operation \(operation)")
            #expect(fixture.log.endOffset == 24)
            // (The zeros that a start had begun to clear the last block with are set aside too.)
            let aside = fixture.disk.allFiles.filter {
                $0.hasSuffix(".bytes") && fixture.disk.contents($0)!.contains { $0 != 0 }
            }
            #expect(aside.count == 1, "set aside once, whatever came in between")
            if wasWhole { break }
            operation += 1
        }
        #expect(operation > 10)
    }
}
