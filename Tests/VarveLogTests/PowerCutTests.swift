import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// The log under power cuts: a random mix of operations, the power goes at a random disk
/// operation, also inside recovery, and what was acknowledged must be there (I1, I3, I4, I5).
@Suite struct PowerCutTests {
    /// 1 000 cuts in all.
    @Test(arguments: 0..<4)
    func acknowledgedBatchesSurvivePowerCuts(part: Int) throws {
        let seed = Generator.seed(for: "acknowledgedBatchesSurvivePowerCuts \(part)")
        var cuts = 0
        var run = 0
        while cuts < 250 {
            var world = try PowerCutWorld(seed: seed &+ UInt64(part * 1000 + run))
            for _ in 0..<5 {
                try world.workUntilCrash()
                try world.comeBack()
                cuts += 1
            }
            run += 1
            if world.hasFailed { break }
        }
    }
}

/// A data directory, its model, and somebody who does things at random.
struct PowerCutWorld {
    private let seed: UInt64
    private var generator: Generator
    private let disk: SimulatedDisk
    private var directory: DataDirectory
    private var now: Int64 = 1_767_225_600_000
    private var models: [String: [PartitionModel]] = [:]
    /// Topics whose creation or deletion did not return: they may be there or not.
    private var uncertain: Set<String> = []
    private(set) var hasFailed = false
    private var step = 0
    private let told = Lock<[String: Int64]>([:])

    init(seed: UInt64) throws {
        self.seed = seed
        generator = Generator(seed: seed)
        disk = SimulatedDisk(seed: seed)
        directory = try DataDirectory.open(
            path: "/data", disk: disk, options: Self.options(), now: now, logger: nil)
        try createTopic("t0")
    }

    /// As few partitions as there are go to the journal, which is often full.
    private static func options() -> DataDirectoryOptions {
        var options = LogFixture.options()
        options.syncedTogetherMin = 2
        options.journalBytes = 5000
        return options
    }

    private var context: String { "seed \(seed) step \(step)" }

    private static let overrides = [
        "segment.bytes": "3000", "index.interval.bytes": "200", "retention.ms": "50000",
        "retention.bytes": "12000", "segment.ms": "20000",
    ]

    private mutating func createTopic(_ name: String) throws {
        uncertain.insert(name)
        let count = generator.int(1...2)
        try directory.createTopic(name, partitions: count, overrides: Self.overrides, now: now)
        uncertain.remove(name)
        models[name] = (0..<count).map { _ in PartitionModel() }
    }

    // MARK: Work

    /// Does things until the disk stops at a random operation, or has done enough.
    mutating func workUntilCrash() throws {
        disk.die(at: disk.operationCount + generator.int(1...250))
        do {
            for _ in 0..<60 where !disk.isDead {
                step += 1
                try work()
            }
        } catch let error as LogError {
            guard disk.isDead else {
                hasFailed = true
                Issue.record("\(context): \(error)")
                return
            }
        }
        takeAcknowledged()
    }

    private mutating func work() throws {
        now += Int64(generator.int(0...2000))
        switch generator.int(0..<100) {
        case 0..<60: try append()
        case 60..<80: directory.commitNow()
        case 80..<83: directory.tick(now: now + Int64(generator.int(0...1) * 40_000))
        case 83..<87: try retain()
        case 87..<90: try trim()
        case 90..<92:
            let name = "t\(generator.int(0..<4))"
            if models[name] == nil, !uncertain.contains(name) { try createTopic(name) }
        case 92..<93: try deleteTopic()
        case 93..<95: try restart()
        default: try readSomething()
        }
        takeAcknowledged()
    }

    private mutating func anyPartition() -> (String, Int, PartitionLog)? {
        guard let name = models.keys.sorted().randomElement(using: &generator) else { return nil }
        let index = generator.int(0..<models[name]!.count)
        return (name, index, directory.topic(name)!.partitions[index])
    }

    private mutating func append() throws {
        guard let (name, index, log) = anyPartition() else { return }
        let batch = Batches.random(&generator, timestamp: now)
        models[name]![index].appending(batch, at: log.endOffset)
        let result = try log.append(batch, now: now)
        let key = "\(name)/\(index)"
        log.whenDurable(result) { [told] error in
            guard error == nil else { return }
            told.withLock { $0[key] = max($0[key] ?? 0, result.nextOffset) }
        }
    }

    /// Moves what the log has acknowledged into the models.
    private mutating func takeAcknowledged() {
        let ends = told.withLock { told in
            defer { told = [:] }
            return told
        }
        for name in models.keys {
            for index in models[name]!.indices {
                guard let end = ends["\(name)/\(index)"] else { continue }
                models[name]![index].durableEnd = max(models[name]![index].durableEnd, end)
            }
        }
    }

    private mutating func retain() throws {
        for (name, partitions) in models {
            for index in partitions.indices {
                let log = directory.topic(name)!.partitions[index]
                for action in log.retentionPlan(now: now) {
                    models[name]![index].startMax = max(
                        models[name]![index].startMax, action.nextOffset)
                }
            }
        }
        directory.applyRetention(now: now)
        guard !disk.isDead else { return }
        for (name, partitions) in models {
            for index in partitions.indices {
                models[name]![index].startOffset =
                    directory.topic(name)!.partitions[index].startOffset
            }
        }
    }

    private mutating func trim() throws {
        guard let (name, index, log) = anyPartition() else { return }
        let target = log.startOffset + (log.durableEnd - log.startOffset) / 2
        models[name]![index].startMax = max(models[name]![index].startMax, target)
        models[name]![index].startOffset = try log.trim(to: target, now: now)
    }

    private mutating func deleteTopic() throws {
        guard let name = models.keys.sorted().randomElement(using: &generator) else { return }
        models[name] = nil
        uncertain.insert(name)
        try directory.deleteTopic(name)
        uncertain.remove(name)
    }

    private mutating func restart() throws {
        try directory.close(now: now)
        takeAcknowledged()
        disk.kill()
        directory = try DataDirectory.open(
            path: "/data", disk: disk, options: Self.options(), now: now, logger: nil)
        for report in directory.recovery.partitions {
            #expect(report.wasClean, "\(context): \(report)")
        }
        try check()
    }

    private mutating func readSomething() throws {
        guard let (name, index, log) = anyPartition() else { return }
        // What a reader saw must stay: the check takes it as shown.
        takeAcknowledged()
        var model = models[name]![index]
        let unread = model.batches.filter { $0.key >= log.durableEnd }
        try model.check(log, context)
        model.batches.merge(unread) { old, _ in old }
        models[name]![index] = model
    }

    // MARK: After the crash

    /// Cuts the power or kills the process, recovers (dying inside recovery now and then), and
    /// holds everything against the models.
    mutating func comeBack() throws {
        crash()
        for _ in 0..<generator.int(0...2) {
            disk.die(at: disk.operationCount + generator.int(1...80))
            if let opened = try? DataDirectory.open(
                path: "/data", disk: disk, options: Self.options(), now: now, logger: nil),
                !disk.isDead
            {
                // What this start showed is shown, whatever comes.
                directory = opened
                try checkWhileAlive()
            }
            crash()
        }
        directory = try DataDirectory.open(
            path: "/data", disk: disk, options: Self.options(), now: now, logger: nil)
        settleUncertain()
        try check()
    }

    private mutating func crash() {
        if generator.chance(1, in: 4) { disk.kill() } else { disk.powerCut() }
    }

    private mutating func settleUncertain() {
        for name in uncertain {
            if let topic = directory.topic(name) {
                // Deletion and creation both leave the whole topic or nothing.
                models[name] = topic.partitions.map { log in
                    var model = PartitionModel()
                    model.startMax = log.startOffset
                    for (header, bytes) in (try? log.everything()) ?? [] {
                        model.batches[header.baseOffset] = PartitionModel.Entry(
                            bytes: bytes, nextOffset: header.nextOffset)
                    }
                    return model
                }
            }
        }
        uncertain = []
    }

    private mutating func checkWhileAlive() throws {
        do {
            try check()
        } catch let error as LogError {
            if !disk.isDead { throw error }
        }
    }

    private mutating func check() throws {
        for damage in directory.recovery.damages {
            // A power cut tears what was not durable; it corrupts nothing that was.
            #expect(damage.kind != .corruption, "\(context): \(damage)")
        }
        for name in models.keys.sorted() {
            guard let topic = directory.topic(name) else {
                Issue.record("\(context): topic \(name) is gone")
                hasFailed = true
                models[name] = nil
                continue
            }
            for index in models[name]!.indices {
                var model = models[name]![index]
                try model.check(topic.partitions[index], "\(context) \(name)/\(index)")
                models[name]![index] = model
            }
        }
        #expect(
            directory.topics.map(\.name).filter { !uncertain.contains($0) } == models.keys.sorted(),
            "\(context): topics came back")
    }
}
