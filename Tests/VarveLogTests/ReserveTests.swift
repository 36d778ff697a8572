import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveLog

/// With a reserve the log sees the disk through another one, which must be the same disk.
@Suite struct ReserveTests {
    @Test func compactionAndScrubbingWorkBesideAReserve() throws {
        var fixture = try LogFixture(options: FullDiskTests.options())
        let log = try fixture.partition(
            ["cleanup.policy": "compact", "segment.bytes": "1024", "segment.ms": "1000"])
        for round in 0..<20 {
            _ = try log.append(
                Batches.batch([[UInt8](repeating: UInt8(round), count: 200)], key: "k"),
                now: fixture.now)
        }
        fixture.directory.commitNow()
        fixture.now += 2000
        fixture.directory.tick(now: fixture.now)
        fixture.directory.commitNow()
        let result = try log.compact(now: fixture.now, memoryMax: 1 << 16)
        #expect(result.passes == 1 && result.recordsRemoved == 19)
        let read = try fixture.directory.scrub(
            now: fixture.now, bytesMax: 1 << 20, intervalMilliseconds: 1)
        // An empty segment counts as one byte, so that many of them are no step without end.
        #expect(read == log.byteCount + 6)
        #expect(fixture.directory.health.scrub.damages == 0)
        #expect(throws: LogError.self, "the lock is the disk's own") {
            try DataDirectory.open(
                path: "/data", disk: fixture.disk, options: FullDiskTests.options(),
                now: fixture.now, logger: nil)
        }
    }
}
