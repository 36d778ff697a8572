import Testing
import VarveLog
import VarvePlatform
import VarveProof
import VarveRecords
import VarveSimulation

/// Damage that comes to light while the log runs: a gap, a report, and everything else goes on.
@Suite struct HealingTests {
    /// Three segments of four batches each (the last one active), everything durable and sealed.
    struct Damaged {
        var fixture: LogFixture
        var batches: [Int64: ByteSlice]
        static let batchBytes = 228

        init(seed: UInt64 = 1) throws {
            fixture = try LogFixture(seed: seed)
            batches = try fixture.appendFourToASegment(12)
            fixture.directory.tick(now: fixture.now + 31_000)
            fixture.directory.commitNow()
        }

        /// Flips bits of one byte of a segment's file.
        func flip(_ base: Int64, _ position: Int, _ mask: UInt8 = 0x10) {
            var bytes = fixture.disk.contents(fixture.path(base, "log"))!
            bytes[position] ^= mask
            fixture.disk.setContents(fixture.path(base, "log"), bytes)
        }

        /// Reads batch by batch; what fails is counted and stepped over.
        func readable() throws -> (found: [Int64: ByteSlice], errors: Int) {
            let (found, errors) = fixture.log.readableBatches()
            for error in errors {
                guard case .corrupt = error else { throw error }
            }
            return (found, errors.count)
        }
    }

    /// Every byte of a closed segment and of the active one, while the log runs.
    @Test(arguments: [Int64(8), 16])
    func aFlippedByteCostsItsBatchAtMostAndNoRestart(base: Int64) throws {
        for position in stride(from: 0, to: 4 * Damaged.batchBytes, by: 5) {
            let log = try Damaged()
            let original = log.fixture.disk.contents(log.fixture.path(base, "log"))!
            log.flip(base, position)
            let context = "segment \(base) position \(position)"
            // Nothing wrong is served before it is healed, and nothing is missing but what is bad.
            let before = try log.readable()
            for (offset, bytes) in before.found {
                #expect(bytes == log.batches[offset], "\(context) offset \(offset)")
            }
            #expect(before.errors > 0 && log.fixture.directory.needsHealing, "\(context)")
            let reports = log.fixture.directory.heal(now: log.fixture.now)
            #expect(reports.count == 1 && reports[0].failure == nil, "\(context): \(reports)")
            // Offsets and epoch are outside the checksum and follow from their neighbours: those
            // are repaired. Everything else is the one batch.
            let at = position % Damaged.batchBytes
            let isRepaired = at < 8 || (12..<16).contains(at)
            var wanted = log.batches
            if !isRepaired {
                wanted[base + Int64(position / Damaged.batchBytes) * 2] = nil
            }
            for _ in 0..<2 {
                let after = try log.readable()
                #expect(after.errors == 0 && after.found == wanted, "\(context)")
            }
            let health = log.fixture.directory.health
            #expect(health.suspects.isEmpty && !log.fixture.directory.needsHealing, "\(context)")
            #expect(health.damageCount == (isRepaired ? 0 : 1), "\(context)")
            if let damage = health.damages.first {
                let range = Int(damage.position)..<Int(damage.position + damage.byteCount)
                #expect(damage.kind == .corruption && range.contains(position), "\(context)")
                var bad = original
                bad[position] ^= 0x10
                #expect(
                    log.fixture.disk.contents(damage.quarantine) == Array(bad[range]),
                    "\(context): what was set aside is what was there (I7)")
            }
            // Appends go on, retries are still known, and the next start finds nothing to do.
            let retry = Batches.batch(
                [[UInt8](repeating: 11, count: 150), [11]], timestamp: log.fixture.now + 11,
                producerID: 7, epoch: 0, sequence: 22)
            #expect(try log.fixture.log.append(retry, now: log.fixture.now).isDuplicate)
            #expect(try log.fixture.append(["next"]).baseOffset == 24)
            log.fixture.directory.commitNow()
            var restarted = log
            log.fixture.disk.powerCut(keep: 0)
            try restarted.fixture.reopen()
            #expect(restarted.fixture.directory.recovery.damages.isEmpty, "\(context)")
            let last = try restarted.readable()
            #expect(last.errors == 0 && last.found.count == wanted.count + 1, "\(context)")
            for (offset, bytes) in wanted { #expect(last.found[offset] == bytes, "\(context)") }
        }
    }

    @Test func aDirectoryThatGoesTakesWhatWaitsWithIt() throws {
        weak var partition: PartitionLog?
        do {
            let log = try Damaged()
            log.flip(8, 300)
            _ = try log.readable()
            #expect(log.fixture.directory.needsHealing)
            partition = log.fixture.log
        }
        #expect(partition == nil)
    }

    @Test func whatWaitsGoesWithItsTopic() throws {
        let log = try Damaged()
        log.flip(8, 300)
        _ = try log.readable()
        #expect(log.fixture.directory.health.suspects.map(\.segmentBase) == [8])
        try log.fixture.directory.deleteTopic(log.fixture.log.topic)
        #expect(log.fixture.directory.health.suspects.isEmpty)
        #expect(!log.fixture.directory.needsHealing)
    }

    @Test func aCrashAtAnyStepOfHealingLosesNothing() throws {
        for base: Int64 in [8, 16] {
            for position in [300, 3 * Damaged.batchBytes + 100] {
                var operation = 0
                while true {
                    var log = try Damaged(seed: UInt64(operation))
                    log.flip(base, position)
                    let context = "segment \(base) position \(position) operation \(operation)"
                    _ = try log.readable()
                    log.fixture.disk.die(at: log.fixture.disk.operationCount + operation)
                    log.fixture.directory.heal(now: log.fixture.now)
                    log.fixture.directory.commitNow()
                    let wasWhole = !log.fixture.disk.isDead
                    if operation % 3 == 2 {
                        log.fixture.disk.kill()
                    } else {
                        log.fixture.disk.powerCut()
                    }
                    var wanted = log.batches
                    wanted[base + Int64(position / Damaged.batchBytes) * 2] = nil
                    try log.fixture.reopen()
                    for _ in 0..<2 {
                        let (found, _) = try log.readable()
                        #expect(found == wanted, "\(context): \(log.fixture.report)")
                        log.fixture.directory.heal(now: log.fixture.now)
                    }
                    let (found, errors) = try log.readable()
                    #expect(found == wanted && errors == 0, "\(context)")
                    #expect(log.fixture.log.endOffset == 24 && log.fixture.log.isOnline)
                    #expect(
                        log.fixture.disk.allFiles.filter { $0.hasSuffix(".bytes") }.count == 1,
                        "\(context): set aside once")
                    #expect(log.fixture.disk.allFiles.allSatisfy { !$0.hasSuffix(".tmp") })
                    if wasWhole { break }
                    operation += 1
                }
                #expect(operation > 15)
            }
        }
    }

    @Test func anyFailedOperationOfHealingIsSurvived() throws {
        for errno in [SystemError.eio, SystemError.enospc] {
            var operation = 0
            while true {
                var log = try Damaged(seed: UInt64(operation))
                log.flip(8, 300)
                _ = try log.readable()
                let context = "errno \(errno) operation \(operation)"
                // A sync that fails is a failed sync, whatever its errno (I6).
                log.fixture.disk.fail(
                    .init(operation: log.fixture.disk.operationCount + operation, errno: errno),
                    only: errno == SystemError.enospc ? [.write, .name] : nil)
                log.fixture.directory.heal(now: log.fixture.now)
                log.fixture.directory.commitNow()
                let wasWhole = !log.fixture.directory.needsHealing && log.fixture.log.isOnline
                let wasMet = log.fixture.disk.faultsMet > 0
                log.fixture.disk.fail(nil)
                var wanted = log.batches
                wanted[10] = nil
                if log.fixture.log.isOnline {
                    let (found, _) = try log.readable()
                    #expect(found == wanted, "\(context)")
                    // It is tried again, later.
                    log.fixture.directory.heal(now: log.fixture.now + 60_000)
                } else {
                    #expect(errno == SystemError.eio, "\(context): offline for lack of space")
                    _ = try log.fixture.log.reopen(now: log.fixture.now)
                }
                for _ in 0..<2 {
                    let (found, errors) = try log.readable()
                    #expect(found == wanted && errors == 0, "\(context)")
                    log.fixture.directory.commitNow()
                    log.fixture.disk.powerCut()
                    try log.fixture.reopen()
                    #expect(log.fixture.directory.recovery.damages.isEmpty, "\(context)")
                }
                if !wasMet, wasWhole, operation > 60 { break }
                operation += 1
            }
        }
    }

    @Test func aReadThatIsWrongInMemoryOnlyIsReadAgain() throws {
        let log = try Damaged()
        log.fixture.disk.damageCache(log.fixture.path(8, "log"), at: 300)
        let (found, errors) = try log.readable()
        #expect(found == log.batches && errors == 0)
        #expect(!log.fixture.directory.needsHealing)
    }

    @Test func aFlippedOffsetBesideAGapIsNeverServed() throws {
        for mask: UInt8 in [1, 2, 4, 8] {
            let log = try Damaged()
            // First a gap: the second batch of the closed segment goes.
            log.flip(8, 300)
            _ = try log.readable()
            log.fixture.directory.heal(now: log.fixture.now)
            log.fixture.directory.commitNow()
            #expect(log.fixture.directory.health.damageCount == 1)
            // Now the batch behind it, at offset 12, claims another offset.
            log.flip(8, Damaged.batchBytes + 7, mask)
            var wanted = log.batches
            wanted[10] = nil
            let (before, _) = try log.readable()
            for (offset, bytes) in before { #expect(bytes == wanted[offset], "mask \(mask)") }
            log.fixture.directory.heal(now: log.fixture.now)
            let (after, errors) = try log.readable()
            #expect(after == wanted && errors == 0, "mask \(mask)")
            #expect(log.fixture.directory.health.damageCount == 1, "repaired, not set aside")
        }
    }

    @Test func readersAppendersAndHealingRunBesideEachOther() throws {
        let now: Int64 = 1_767_225_600_000
        let disk = SimulatedDisk(seed: 5)
        let directory = try DataDirectory.open(
            path: "/data", disk: disk,
            options: DataDirectoryOptions(commit: .threads(syncers: 2)), now: now, logger: nil)
        let log = try directory.createTopic(
            "events", partitions: 1, overrides: ["segment.bytes": "4096"], now: now).partitions[0]
        let stop = Lock(false)
        let acknowledged = Lock<[Int64: ByteSlice]>([:])
        let failures = Lock<[String]>([])
        let flips = Lock(0)
        let appender = NamedThread("appender") {
            // Until damage came while it ran, however slow the disk's model is in this build.
            for number in 0..<20_000 where number < 600 || flips.withLock({ $0 }) <= 3 {
                let batch = Batches.batch([[UInt8](repeating: UInt8(number % 256), count: 200)])
                let isDone = Lock(false)
                do {
                    let result = try log.append(batch, now: now)
                    log.whenDurable(result) { error in
                        if let error { failures.withLock { $0.append("\(error)") } }
                        acknowledged.withLock {
                            $0[result.baseOffset] = Batches.stamped(batch, at: result.baseOffset)
                        }
                        isDone.withLock { $0 = true }
                        isDone.signal()
                    }
                } catch {
                    failures.withLock { $0.append("append: \(error)") }
                    break
                }
                if number % 8 == 0 || number < 20 {
                    _ = isDone.wait(timeoutMilliseconds: 10_000) { $0 ? $0 : nil }
                }
            }
            stop.withLock { $0 = true }
        }
        let reader = NamedThread("reader") {
            while !stop.withLock({ $0 }) {
                var offset: Int64 = 0
                while offset < log.durableEnd {
                    do {
                        let found = try log.read(from: offset, bytesMax: 700)
                        // All that was behind it is set aside by now.
                        if found.nextOffset <= offset { break }
                        for (header, bytes) in RecordBatch.batches(in: found.batches) {
                            let isPlain = bytes.withUnsafeBytes { raw in
                                let values = raw[(RecordBatchHeader.byteCount + 10)...]
                                    .dropLast()
                                return values.allSatisfy { $0 == values.first }
                            }
                            if !isPlain {
                                failures.withLock { $0.append("bad \(header.baseOffset)") }
                            }
                        }
                        offset = found.nextOffset
                    } catch LogError.corrupt {
                        offset += 1
                    } catch {
                        failures.withLock { $0.append("read: \(error)") }
                        return
                    }
                }
            }
        }
        var generator = Generator(seed: 7)
        while log.durableEnd == 0, !stop.withLock({ $0 }) { directory.commitNow() }
        while !stop.withLock({ $0 }) {
            // Damage below the durable end, in whichever segment; then heal it.
            let files = disk.allFiles.filter { $0.hasSuffix(".log") }
            if files.isEmpty || !failures.withLock({ $0.isEmpty }) { break }
            let path = files[generator.int(0..<files.count)]
            if log.durableEnd > 10, disk.damage(path, at: generator.int(0..<4000)) {
                flips.withLock { $0 += 1 }
            }
            _ = try log.verify(now: now)
            if generator.chance(1, in: 4) { directory.heal(now: now) }
        }
        appender.join()
        reader.join()
        directory.commitNow()
        _ = try log.verify(now: now)
        directory.heal(now: now + 100_000)
        #expect(failures.withLock { $0 } == [])
        let healed = flips.withLock { $0 }
        #expect(log.isOnline && healed > 3, "\(healed) flips")
        let lost = directory.health.damages
        let found = try log.everything()
        for (header, bytes) in found {
            #expect(acknowledged.withLock { $0[header.baseOffset] } == bytes)
        }
        let missing = acknowledged.withLock { $0.count } - found.count
        #expect(
            missing <= healed && directory.health.damageCount <= healed,
            "\(missing) missing, \(healed) flips, \(lost.count) damages")
        try directory.close(now: now)
    }

    @Test func verifyFindsWhatNobodyReadAndChangesNothingElse() throws {
        let log = try Damaged()
        #expect(try log.fixture.log.verify(now: log.fixture.now).damages.isEmpty)
        let quiet = log.fixture.disk.allFiles
        #expect(try log.fixture.log.verify(now: log.fixture.now).notes.isEmpty)
        #expect(log.fixture.disk.allFiles == quiet)
        log.flip(0, 100)
        log.flip(16, 500)
        let report = try log.fixture.log.verify(now: log.fixture.now)
        #expect(report.damages.count == 2 && report.bytesScanned > 2500)
        let (found, errors) = try log.readable()
        #expect(errors == 0 && found.count == 10)
        #expect(try log.fixture.log.verify(now: log.fixture.now).damages.isEmpty)
    }

    @Test(arguments: ["index", "timeindex", "seal"])
    func aDamagedHelperFileIsMadeAnewByVerify(kind: String) throws {
        let log = try Damaged()
        let path = log.fixture.path(8, kind)
        var bytes = log.fixture.disk.contents(path)!
        bytes[bytes.count / 2] ^= 4
        log.fixture.disk.setContents(path, bytes)
        var restarted = log
        let report = try log.fixture.log.verify(now: log.fixture.now)
        #expect(report.damages.isEmpty && report.notes.count == 1)
        log.fixture.directory.commitNow()
        #expect(try log.fixture.log.verify(now: log.fixture.now).notes.isEmpty)
        try restarted.fixture.restart()
        #expect(restarted.fixture.report.wasClean)
        #expect(try restarted.readable().found == log.batches)
    }

    @Test func aFileThatLostItsEndLeavesAGap() throws {
        for size in stride(from: 0, to: 4 * Damaged.batchBytes, by: 57) {
            let log = try Damaged()
            let path = log.fixture.path(8, "log")
            let bytes = log.fixture.disk.contents(path)!
            log.fixture.disk.setContents(path, Array(bytes[..<size]))
            let (before, _) = try log.readable()
            for (offset, bytes) in before { #expect(bytes == log.batches[offset]) }
            let reports = log.fixture.directory.heal(now: log.fixture.now)
            #expect(reports.flatMap(\.damages).contains { $0.kind == .corruption })
            let (found, errors) = try log.readable()
            #expect(errors == 0 && found.count == 8 + size / Damaged.batchBytes, "\(size) bytes")
            #expect(try log.fixture.append(["next"]).baseOffset == 24)
        }
    }
}
