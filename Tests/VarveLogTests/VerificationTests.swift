import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Every kind of damage in every kind of file is found, as one finding and nothing else.
@Suite struct VerificationTests {
    @Test func aCleanDirectoryHasNoFindings() throws {
        let fixture = try LogFixture.verified()
        let report = try fixture.verify()
        #expect(report.findings.isEmpty && report.notices.isEmpty && report.notes.isEmpty)
        #expect(report.topicCount == 1 && report.partitionCount == 1 && report.segmentCount == 3)
        #expect(report.batchCount == 12 && report.recordCount == 24)
        var running = try fixture.verify { $0.isRunning = true }
        #expect(running.isClean)
        running = try fixture.verify { $0.topic = "events" }
        #expect(running.isClean && running.batchCount == 12)
        #expect(throws: LogError.unknownTopic("none")) {
            _ = try fixture.verify { $0.topic = "none" }
        }
    }

    @Test func aVerificationChangesNothing() throws {
        let fixture = try LogFixture.verified()
        let before = fixture.disk.allFiles.map { ($0, fixture.disk.contents($0)!) }
        let kinds: [SimulatedDisk.Kind] = [.write, .truncate, .sync, .syncDirectory, .name]
        let counts = kinds.map { fixture.disk.count(of: $0) }
        _ = try fixture.verify { $0.dropsCache = true }
        #expect(kinds.map { fixture.disk.count(of: $0) } == counts)
        let after = fixture.disk.allFiles.map { ($0, fixture.disk.contents($0)!) }
        #expect(before.map(\.0) == after.map(\.0) && before.map(\.1) == after.map(\.1))
    }

    @Test func everyFlippedBitOfASegmentIsOneFindingThatCoversIt() throws {
        let original = try LogFixture.verified()
        for base: Int64 in [0, 8, 16] {
            let path = original.path(base, "log")
            let good = original.disk.contents(path)!
            for position in stride(from: 0, to: good.count, by: 5) {
                let fixture = try LogFixture.verified()
                var bad = good
                bad[position] ^= UInt8(1 << (position % 8))
                fixture.disk.setContents(path, bad)
                let report = try fixture.verify { $0.isRunning = position % 2 == 0 }
                #expect(
                    report.findings.count == 1, "\(base) \(position): \(report.findings)")
                guard let finding = report.findings.first else { continue }
                let inBatch = position % 228
                let expected: Finding.Kind =
                    switch inBatch {
                    case 0..<8: .offsetDamaged
                    case 12..<16: .epochDamaged
                    default: .batchDamaged
                    }
                #expect(finding.kind == expected && finding.path == path)
                #expect(finding.topic == "events" && finding.partition == 0)
                let start = try #require(finding.position)
                #expect(
                    (start..<start + (finding.byteCount ?? 0)).contains(Int64(position)),
                    "position \(position): \(finding)")
                if expected == .batchDamaged {
                    let offset = base + Int64(position / 228 * 2)
                    #expect(finding.firstOffset == offset && finding.nextOffset == offset + 2)
                }
            }
        }
    }

    @Test func everyTruncationIsOneFinding() throws {
        let original = try LogFixture.verified()
        for base: Int64 in [0, 8, 16] {
            let path = original.path(base, "log")
            let good = original.disk.contents(path)!
            for size in stride(from: 0, to: good.count, by: 23) {
                for isRunning in [false, true] {
                    let fixture = try LogFixture.verified()
                    fixture.disk.setContents(path, Array(good[..<size]))
                    let report = try fixture.verify { $0.isRunning = isRunning }
                    #expect(
                        report.findings.map(\.kind) == [.segmentTruncated],
                        "\(base) to \(size): \(report.findings)")
                    #expect(report.findings.first?.position == Int64(size / 228 * 228))
                    #expect(report.findings.first?.firstOffset == base + Int64(size / 228 * 2))
                    #expect(report.findings.first?.nextOffset == base + 8)
                }
            }
            let fixture = try LogFixture.verified()
            fixture.disk.setContents(path, good + [UInt8](repeating: 7, count: 100))
            let report = try fixture.verify()
            if base == 16 {
                // Behind the mark: what an unclean stop leaves.
                #expect(report.isClean && report.notices.map(\.kind) == [.tornTail])
            } else {
                #expect(report.findings.map(\.kind) == [.segmentExtended])
                #expect(report.findings.first?.byteCount == 100)
            }
        }
    }

    @Test func anIndexEntryThatPointsWrongIsFoundThoughEveryChecksumIsRight() throws {
        for (suffix, byte, kind) in [
            ("index", 3, Finding.Kind.indexDamaged), ("index", 7, .indexDamaged),
            ("index", 0, .indexDamaged), ("timeindex", 7, .timeIndexDamaged),
            ("timeindex", 11, .timeIndexDamaged), ("timeindex", 0, .timeIndexDamaged),
        ] {
            let fixture = try LogFixture.verified()
            fixture.forge(suffix, byte: byte)
            for isRunning in [false, true] {
                let report = try fixture.verify { $0.isRunning = isRunning }
                #expect(report.findings.map(\.kind) == [kind], "\(suffix) byte \(byte)")
                // An entry that is far too high is told by the one behind it.
                #expect(byte == 0 || report.findings.first?.position == 0)
            }
        }
    }

    @Test func aMissingSegmentIsFoundByItsNeighbours() throws {
        for base: Int64 in [0, 8, 16] {
            for isRunning in [false, true] {
                let fixture = try LogFixture.verified()
                for kind in ["log", "index", "timeindex", "seal", "producers"] {
                    let path = fixture.path(base, kind)
                    if fixture.disk.contents(path) != nil { fixture.disk.erase(path) }
                }
                let report = try fixture.verify { $0.isRunning = isRunning }
                #expect(
                    report.findings.contains { $0.kind == .segmentMissing },
                    "\(base): \(report.findings)")
                let missing = report.findings.first { $0.kind == .segmentMissing }
                #expect(missing?.firstOffset == base && missing?.nextOffset == base + 8)
                #expect(report.findings.filter { $0.kind != .producersMissing }.count == 1)
            }
        }
    }

    @Test func swappedAndDoubledBatchesAreFound() throws {
        let original = try LogFixture.verified()
        let path = original.path(8, "log")
        let good = original.disk.contents(path)!
        let size = 228
        var swapped = good
        swapped.replaceSubrange(0..<size, with: good[size..<2 * size])
        swapped.replaceSubrange(size..<2 * size, with: good[0..<size])
        var doubled = good
        doubled.replaceSubrange(size..<2 * size, with: good[0..<size])
        for bad in [swapped, doubled] {
            original.disk.setContents(path, bad)
            let report = try original.verify()
            #expect(report.findings.count >= 1)
            #expect(report.findings.allSatisfy { $0.path == path })
        }
    }

    @Test func recordsThatNoConsumerCanReadAreFound() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        try fixture.append(["good"])
        // The log does not look into compressed batches: their checksum is right.
        let batch = Batches.batch(
            [[UInt8](repeating: 1, count: 300), [2]], timestamp: fixture.now, codec: .lz4)
        let bad = ByteSlice(filling: batch.count) { buffer in
            batch.withUnsafeBytes { buffer.copyMemory(from: $0) }
            buffer[70] ^= 0xFF
            let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[21...]))
            buffer.storeBytes(of: checksum.bigEndian, toByteOffset: 17, as: UInt32.self)
            return batch.count
        }
        _ = try log.append(bad, now: fixture.now)
        try fixture.append(["good too"])
        fixture.directory.commitNow()
        try fixture.directory.close(now: fixture.now)
        let report = try fixture.verify()
        #expect(report.findings.map(\.kind) == [.recordsDamaged])
        #expect(report.findings.first?.firstOffset == 1 && report.findings.first?.nextOffset == 3)
        #expect(try fixture.verify { $0.readsRecords = false }.isClean)
    }

    @Test(arguments: CompressionCodec.allCases)
    func recordsAreCountedInEveryCodec(codec: CompressionCodec) throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        guard codec.isBuiltIn else { return }
        for number in 0..<5 {
            let values = (0...number).map { [UInt8](repeating: UInt8($0), count: 200) }
            _ = try log.append(
                Batches.batch(values, timestamp: fixture.now, codec: codec), now: fixture.now)
        }
        fixture.directory.commitNow()
        try fixture.directory.close(now: fixture.now)
        let report = try fixture.verify()
        #expect(report.isClean && report.batchCount == 5 && report.recordCount == 15)
    }

    @Test func aTransactionIndexIsHeldAgainstItsMarkers() throws {
        func aborted() throws -> LogFixture {
            var fixture = try LogFixture()
            let log = try fixture.partition()
            for producer: Int64 in 1...3 {
                _ = try log.append(
                    Batches.transactional("in one", producer: producer, sequence: 0),
                    now: fixture.now)
                _ = try log.appendMarker(
                    TransactionMarker(isCommit: producer == 2, coordinatorEpoch: 0),
                    producerID: producer, epoch: 0, now: fixture.now)
            }
            fixture.directory.commitNow()
            try fixture.directory.close(now: fixture.now)
            fixture.disk.kill()
            return fixture
        }
        let good = try aborted()
        let path = good.path(0, "txnindex")
        #expect(try good.verify().isClean)
        let bytes = try #require(good.disk.contents(path))
        #expect(bytes.count == 68)
        let dump = try LogDumpTests.lines(good.disk, [path])
        #expect(
            dump.dropFirst()
                == [
                    "version: 0 producerId: 1 firstOffset: 0 lastOffset: 1 lastStableOffset: 2",
                    "version: 0 producerId: 3 firstOffset: 4 lastOffset: 5 lastStableOffset: 6",
                ])
        for change in 0..<5 {
            let fixture = try aborted()
            var bad = bytes
            switch change {
            case 0: fixture.disk.erase(path)
            case 1: bad.removeLast(5)
            case 2: bad = []
            default: bad[9] ^= 1
            }
            if change > 0 { fixture.disk.setContents(path, bad) }
            if change == 4 { fixture.vouch(forTransactions: bad) }
            for isRunning in [false, true] {
                let report = try fixture.verify { $0.isRunning = isRunning }
                #expect(report.findings.map(\.kind) == [.transactionIndexDamaged])
            }
        }
    }

    @Test func whatAnUncleanStopLeavesIsANoticeAndNothingWhileRunning() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["durable"])
        fixture.directory.commitNow()
        // A mark, and then appends that none covers.
        fixture.directory.tick(now: fixture.now + 60_000)
        fixture.directory.commitNow()
        for name in ["one", "two", "three"] { try fixture.append([name]) }
        let path = fixture.path(0, "log")
        var bytes = fixture.disk.contents(path)!
        bytes[bytes.count - 40] ^= 1
        fixture.disk.setContents(path, bytes)
        let running = try fixture.verify { $0.isRunning = true }
        #expect(running.isClean && running.notices.isEmpty)
        let stopped = try fixture.verify()
        #expect(stopped.isClean && stopped.notices.map(\.kind) == [.tornTail])
        // Below the mark it is damage, also while the broker runs.
        bytes[30] ^= 1
        fixture.disk.setContents(path, bytes)
        #expect(
            try fixture.verify { $0.isRunning = true }.findings.map(\.kind)
                == [.batchDamaged])
    }

    @Test func whatWasSetAsideIsListedAndItsCopyVerified() throws {
        var fixture = try LogFixture.verified()
        let path = fixture.path(8, "log")
        var bytes = fixture.disk.contents(path)!
        bytes[300] ^= 1
        fixture.disk.setContents(path, bytes)
        try fixture.reopen()
        _ = try fixture.log.reopen(now: fixture.now, readsEverything: true)
        fixture.directory.commitNow()
        try fixture.directory.close(now: fixture.now)
        fixture.disk.kill()
        let report = try fixture.verify()
        #expect(report.isClean, "\(report.findings)")
        #expect(report.quarantine.count == 1)
        #expect(report.quarantine.first?.members["kind"]?.string == "corruption")
        let copy = try #require(fixture.disk.allFiles.first { $0.hasSuffix(".bytes") })
        fixture.disk.setContents(copy, [1, 2, 3])
        #expect(try fixture.verify().findings.map(\.kind) == [.quarantineDamaged])
        fixture.disk.erase(copy)
        #expect(try fixture.verify().findings.map(\.kind) == [.quarantineDamaged])
    }

    @Test func aDiskThatDoesNotReadIsAFindingAndTheRestIsRead() throws {
        let fixture = try LogFixture.verified()
        let first = fixture.disk.operationCount
        _ = try fixture.verify()
        let count = fixture.disk.operationCount - first
        var unreadable = 0
        for number in 0..<count {
            fixture.disk.fail(
                SimulatedDisk.Fault(
                    operation: fixture.disk.operationCount + number, errno: SystemError.eio))
            do {
                let report = try fixture.verify()
                #expect(!report.isClean, "operation \(number)")
                if report.findings.contains(where: { $0.kind == .unreadable }) { unreadable += 1 }
            } catch {
                guard case .io = error as? LogError else {
                    Issue.record("operation \(number): \(error)")
                    continue
                }
            }
        }
        #expect(unreadable > 20)
    }

    @Test func jsonSaysEverythingThatTheTextSays() throws {
        let fixture = try LogFixture.verified()
        let path = fixture.path(8, "log")
        var bytes = fixture.disk.contents(path)!
        bytes[300] ^= 1
        fixture.disk.setContents(path, bytes)
        let report = try fixture.verify()
        let json = try JSON(parsing: report.json.text(indent: true))
        #expect(json["clean"]?.bool == false)
        let finding = try #require(json["findings"]?.array?.first)
        #expect(finding["kind"]?.string == "batch-damaged")
        #expect(finding["path"]?.string == path)
        #expect(finding["position"]?.int == 228 && finding["bytes"]?.int == 228)
        #expect(finding["firstOffset"]?.int == 10 && finding["nextOffset"]?.int == 12)
        #expect(
            report.findings.first.map { "\($0)" }
                == "batch-damaged  \(path) position 228, 228 bytes, offsets 10 to 11: "
                + "no valid batch stands here")
    }
}
