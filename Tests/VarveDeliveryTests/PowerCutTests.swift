import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveDelivery

/// The sinks that write files, on a disk that loses what was not synced.
@Suite struct PowerCutTests {
    /// Delivers events 0 to `total` through sinks that `make` opens, each life ended by a kill or a
    /// power cut at a random operation; the next one begins at a commit at or behind the delivered.
    /// `check` looks at what survived after each life.
    private func live(
        _ generator: inout Generator, total: Int64, on disk: SimulatedDisk,
        _ make: () -> any Sink, check: (_ delivered: Int64) throws -> Void
    ) async throws {
        var delivered: Int64 = 0
        var committed: Int64 = 0
        while delivered < total {
            let sink = make()
            disk.die(at: disk.operationCount + Int.random(in: 1...80, using: &generator))
            var next = committed
            while next < total {
                let end = min(total, next + Int64.random(in: 1...20, using: &generator))
                let verdicts = await sink.deliver(Event.series(next..<end))
                guard verdicts.allSatisfy({ $0 == .delivered }) else { break }
                next = end
                delivered = max(delivered, next)
                if Int.random(in: 0..<3, using: &generator) == 0 { committed = delivered }
            }
            await sink.close()
            if Bool.random(using: &generator) { disk.powerCut() } else { disk.kill() }
            try check(delivered)
        }
        disk.die(at: nil)
        let sink = make()
        let verdicts = await sink.deliver(Event.series(committed..<total))
        #expect(verdicts.allSatisfy { $0 == .delivered })
        await sink.close()
        disk.powerCut(keep: 0)
    }

    private func archived(_ disk: SimulatedDisk) throws -> [Int64] {
        var result: [Int64] = []
        for path in disk.allFiles where path.hasSuffix(ArchiveFile.suffix) {
            result += try ArchiveFile.lines(of: path, on: disk).map(\.offset)
        }
        return result.sorted()
    }

    @Test func theArchiveKeepsEveryDeliveredEventOnce() async throws {
        var generator = Generator("theArchiveKeepsEveryDeliveredEventOnce")
        for _ in 0..<40 {
            let disk = SimulatedDisk(seed: generator.next())
            try await live(&generator, total: 200, on: disk) {
                ArchiveSink(
                    ArchiveConfiguration(directory: "/out/archive"), disk: disk, logger: quiet)
            } check: { delivered in
                let found = try archived(disk)
                #expect(Set(found).count == found.count, "doubled")
                #expect(Set(found).isSuperset(of: 0..<delivered), "lost after a verdict")
            }
            #expect(try archived(disk) == Array(0..<200))
            #expect(!disk.allFiles.contains { $0.hasSuffix(".damaged") })
        }
    }

    @Test func aSyslogFileKeepsEveryDeliveredLineWhole() async throws {
        var generator = Generator("aSyslogFileKeepsEveryDeliveredLineWhole")
        for _ in 0..<40 {
            let disk = SimulatedDisk(seed: generator.next())
            func numbers() throws -> [Int64] {
                let text = String(decoding: disk.contents("/log/siem.log") ?? [], as: UTF8.self)
                // What stands after the last line end was never delivered.
                return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                    .compactMap { $0.split(separator: " ").last.flatMap { Int64($0) } }
            }
            try await live(&generator, total: 150, on: disk) {
                SyslogSink(SyslogConfiguration(destination: .file("/log/siem.log")), disk: disk)
            } check: { delivered in
                let found = Set(try numbers())
                #expect(found.isSuperset(of: 0..<delivered), "lost after a verdict")
            }
            let found = Set(try numbers())
            #expect(found == Set(0..<150))
        }
    }

    @Test func aFullDiskMeansRetryAndNoHalfFiles() async throws {
        let disk = SimulatedDisk(seed: 1)
        let sink = ArchiveSink(
            ArchiveConfiguration(directory: "/archive"), disk: disk, logger: quiet)
        #expect(await sink.deliver(Event.series(0..<10)).allSatisfy { $0 == .delivered })
        disk.setCapacity(100)
        for verdict in await sink.deliver(Event.series(10..<5000)) {
            guard case .retry = verdict else {
                Issue.record("\(verdict)")
                continue
            }
        }
        disk.setCapacity(nil)
        #expect(await sink.deliver(Event.series(10..<5000)).allSatisfy { $0 == .delivered })
        #expect(try archived(disk) == Array(0..<5000))

        let log = SyslogSink(SyslogConfiguration(destination: .file("/siem.log")), disk: disk)
        #expect(await log.deliver(Event.series(0..<3)).allSatisfy { $0 == .delivered })
        let size = disk.contents("/siem.log")!.count
        disk.setCapacity(100)
        #expect(await log.deliver(Event.series(3..<900)).areAllWaiting)
        #expect(disk.contents("/siem.log")!.count == size)
        disk.setCapacity(nil)
        #expect(await log.deliver(Event.series(3..<4)) == [.delivered])
    }
}
