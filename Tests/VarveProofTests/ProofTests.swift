import Testing
import VarveLog
import VarvePlatform
import VarveProof
import VarveSimulation

/// The quick part of the proofs that Tools run at length: the same code, smaller counts.
@Suite struct ProofTests {
    private func expectHeld(_ result: ProofResult, atLeast count: Int) {
        for violation in result.violations { Issue.record("\(violation)") }
        #expect(result.violationCount == 0)
        #expect(result.count >= count, "only \(result.count): this proves nothing")
    }

    /// Lives of a killed process choose their numbers anywhere: were two batches' producers the
    /// same, the log would rightly answer the second with the offset of the first.
    @Test(arguments: [1, 1_000_000, 1 << 32, 1 << 62] as [UInt64])
    func noBatchIsTakenForARetryOfAnother(distance: UInt64) throws {
        let directory = try Workload.open(SimulatedDisk(seed: 1), "/data", .manual, now: 0)
        let log = try directory.createTopic("t", partitions: 1, now: 0).partitions[0]
        for number in [7, 7 + distance] {
            let end = log.endOffset
            let batch = ProofBatch.ofOwnProducer(number: number, timestamp: 0)
            #expect(try log.append(batch.bytes, now: 0).baseOffset == end)
        }
    }

    /// T3: what every crash image must hold.
    @Test(arguments: 0..<4)
    func acknowledgedBatchesAreInEveryCrashImage(part: Int) {
        var images = CrashImages()
        images.imagesMax = 1500
        let seed = Generator.seed(for: "acknowledgedBatchesAreInEveryCrashImage \(part)")
        var result = ProofResult()
        for run in 0..<20 where result.count < 1500 {
            result.add(images.run(seed: seed &+ UInt64(part * 100 + run)))
        }
        expectHeld(result, atLeast: 1500)
    }

    /// T3, with several threads.
    @Test(arguments: 0..<2)
    func acknowledgedBatchesSurviveWhatHappensBesideASync(part: Int) {
        let seed = Generator.seed(for: "acknowledgedBatchesSurviveWhatHappensBesideASync \(part)")
        var result = ProofResult()
        for run in 0..<20 {
            result.add(Interleavings().run(seed: seed &+ UInt64(part * 100 + run)))
        }
        expectHeld(result, atLeast: 20)
        #expect(result.details["interruptions"]! > 100)
    }

    /// T2, every seventh operation.
    @Test(arguments: FaultLoop.faults.indices)
    func acknowledgedBatchesSurviveAnyFailedOperation(index: Int) {
        let seed = Generator.seed(for: "acknowledgedBatchesSurviveAnyFailedOperation \(index)")
        let result = FaultLoop(seed: seed)
            .run(FaultLoop.faults[index], first: Int(seed % 7), stride: 7)
        expectHeld(result, atLeast: 5)
    }

    /// T1, every hundred and first damage of every file.
    @Test(arguments: [true, false])
    func damageIsFoundReportedAndNeverServed(isClean: Bool) throws {
        let sweep = try DamageSweep(isClean: isClean)
        let seed = Generator.seed(for: "damageIsFoundReportedAndNeverServed")
        var result = ProofResult()
        for path in sweep.paths {
            result.add(
                sweep.run(path: path, first: Int(seed % 31), stride: 101, movesAll: true))
        }
        expectHeld(result, atLeast: 200)
    }
}
