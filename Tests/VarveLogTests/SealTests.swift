import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// Seals and indexes whose checksums are right and whose word is not: what a broker with a mistake
/// in it, or a careless copy, leaves.
@Suite struct SealTests {
    private static let hour: Int64 = 3_600_000

    private func stopped() throws -> HealingTests.Damaged {
        let log = try HealingTests.Damaged()
        try log.fixture.directory.close(now: log.fixture.now)
        log.fixture.disk.kill()
        return log
    }

    /// Rewrites a segment's seal.
    private func reseal(
        _ log: HealingTests.Damaged, _ base: Int64, _ change: (inout SegmentSummary) -> Void
    ) throws {
        let path = log.fixture.path(base, "seal")
        let bytes = try #require(log.fixture.disk.contents(path))
        var summary = try #require(SegmentSeal.summary(ByteSlice(bytes)))
        change(&summary)
        log.fixture.disk.setContents(
            path, SegmentSeal.bytes(summary).withUnsafeBytes { Array($0) })
    }

    private func verify(
        _ log: HealingTests.Damaged, progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) throws -> [Finding] {
        var options = Verification.Options()
        options.progress = progress
        var verification = Verification(path: "/data", disk: log.fixture.disk, options: options)
        return try verification.run().findings
    }

    @Test func aSealOfAnotherSegmentIsFound() throws {
        let log = try stopped()
        let disk = log.fixture.disk
        disk.setContents(log.fixture.path(8, "seal"), disk.contents(log.fixture.path(0, "seal"))!)
        let findings = try verify(log)
        #expect(findings.map(\.kind) == [.sealDamaged])
        #expect(findings.first?.detail == "it is of segment 0")
    }

    @Test func aSealThatKnowsAnotherEndIsFound() throws {
        let log = try stopped()
        try reseal(log, 8) { $0.nextOffset = 15 }
        let finding = try #require(try verify(log).first { $0.kind == .sealDamaged })
        #expect(finding.detail == "it says offsets end at 15, the log's at 16")
    }

    @Test func aSealThatKnowsAnotherTimeIsFound() throws {
        for change in [1, -1] as [Int64] {
            let log = try stopped()
            try reseal(log, 8) { $0.maxTimestamp += change }
            let findings = try verify(log)
            #expect(findings.map(\.kind) == [.sealDamaged])
            #expect(findings.first?.detail.hasPrefix("it says the newest timestamp is ") == true)
        }
        let log = try stopped()
        try reseal(log, 8) { $0.offsetOfMaxTimestamp -= 2 }
        #expect(try verify(log).map(\.kind) == [.sealDamaged])
    }

    /// Damage up to the end that the seal knows, and strange bytes behind: two findings that do
    /// not overlap.
    @Test func damageInFrontOfStrangeBytesEndsWhereTheSealSays() throws {
        let log = try stopped()
        let path = log.fixture.path(8, "log")
        var bytes = log.fixture.disk.contents(path)!
        bytes[3 * 228 + 100] ^= 1
        log.fixture.disk.setContents(path, bytes + [UInt8](repeating: 7, count: 90))
        let findings = try verify(log)
        #expect(findings.map(\.kind) == [.batchDamaged, .segmentExtended])
        #expect(findings.map(\.position) == [684, 912])
        #expect(findings.map(\.byteCount) == [228, 90])
        #expect(findings.first?.firstOffset == 14 && findings.first?.nextOffset == 16)
    }

    @Test func aVerificationTellsHowFarItIs() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        for number in 0..<5 {
            _ = try log.append(
                Batches.batch([[UInt8](repeating: UInt8(number), count: 600_000)]),
                now: fixture.now)
        }
        fixture.directory.commitNow()
        try fixture.directory.close(now: fixture.now)
        let told = Lock<[Int64]>([])
        var options = Verification.Options()
        options.progress = { count in told.withLock { $0.append(count) } }
        var verification = Verification(path: "/data", disk: fixture.disk, options: options)
        let size = try verification.byteCount()
        #expect(size == Int64(fixture.disk.contents(fixture.path(0, "log"))!.count))
        #expect(try verification.run().isClean)
        let steps = told.withLock { $0 }
        #expect(steps.count >= 2 && steps.reduce(0, +) == size, "\(steps)")
        options.topic = "other"
        #expect(
            try Verification(path: "/data", disk: fixture.disk, options: options).byteCount() == 0)
        fixture.disk.fail(.init(operation: fixture.disk.operationCount, errno: SystemError.eio))
        #expect(throws: LogError.self) {
            try Verification(path: "/data", disk: fixture.disk, options: .init()).byteCount()
        }
    }

    // MARK: The scrubber

    private func scrub(_ fixture: LogFixture, now: Int64) throws {
        repeat {
            _ = try fixture.directory.scrub(
                now: now, bytesMax: 300, intervalMilliseconds: Self.hour)
        } while fixture.directory.health.scrub.passBegan != nil
    }

    /// After a clean start no index is in memory: the scrubber is the first to read one.
    @Test(arguments: ["damaged", "forged entry", "one entry more"])
    func theScrubberFindsWrongIndexesThatNobodyHasLoaded(how: String) throws {
        var log = try stopped()
        let disk = log.fixture.disk
        let path = log.fixture.path(8, "index")
        switch how {
        case "forged entry": log.fixture.forge("index", byte: 7)
        case "one entry more":
            // Of a batch that would stand behind the last one, at the file's end.
            let entries = disk.contents(path)! + [0, 0, 0, 8, 0, 0, 3, 0x90]
            disk.setContents(path, entries)
            try reseal(log, 8) { summary in
                summary.indexCount += 1
                summary.indexChecksum = entries.withUnsafeBytes { CRC32C.checksum($0) }
            }
        default:
            var bytes = disk.contents(path)!
            bytes[5] ^= 1
            disk.setContents(path, bytes)
        }
        try log.fixture.reopen()
        #expect(log.fixture.report.bytesScanned == 0, "the start believes it")
        try scrub(log.fixture, now: log.fixture.now)
        log.fixture.directory.commitNow()
        #expect(log.fixture.directory.health.damageCount == 0, "no record was touched")
        let (found, errors) = try log.readable()
        #expect(errors == 0 && found == log.batches)
        try log.fixture.directory.close(now: log.fixture.now)
        disk.kill()
        let left = try verify(log)
        #expect(left.isEmpty, "\(left)")
    }

    @Test func aDiskThatDoesNotReadEndsTheScrubbersStepAndNotItsPass() throws {
        var log = try stopped()
        try log.fixture.reopen()
        let disk = log.fixture.disk
        var failures = 0
        for operation in 0..<8 {
            let now = log.fixture.now + Int64(operation) * 2 * Self.hour
            disk.fail(
                .init(operation: disk.operationCount + operation, errno: SystemError.eio),
                only: [.open, .read])
            do {
                try scrub(log.fixture, now: now)
            } catch LogError.io {
                failures += 1
            }
            disk.fail(nil)
            try scrub(log.fixture, now: now)
            log.fixture.directory.heal(now: now)
            #expect(log.fixture.directory.health.scrub.lastPassEnd == now)
        }
        #expect(failures > 1)
        #expect(log.fixture.directory.health.damageCount == 0)
        #expect(try log.readable().found == log.batches)
    }
}
