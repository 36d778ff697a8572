import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// What transactions must look like in one partition, told apart from the log itself: every batch
/// that the log may hold, and the rules of KIP-98 over them.
struct TransactionModel {
    enum Kind: Equatable {
        case plain
        case transactional
        case marker(commit: Bool)
    }

    struct Entry: Equatable {
        let kind: Kind
        let producer: Int64
        let sequence: Int32
        let value: String
    }

    /// By offset; every batch has one record.
    private(set) var entries: [Int64: Entry] = [:]
    /// Everything below was acknowledged or shown.
    var durableEnd: Int64 = 0
    /// What readers of committed records were shown: below `shownEnd` nothing may change.
    private(set) var shown: [Int64: String] = [:]
    private(set) var shownEnd: Int64 = 0

    mutating func appended(_ entry: Entry, at offset: Int64) {
        for later in entries.keys where later >= offset { entries[later] = nil }
        entries[offset] = entry
    }

    /// The batches that recovery found are those that there are; what is durable and before the
    /// log's start was there.
    mutating func survived(_ found: Set<Int64>, from start: Int64) {
        entries = entries.filter {
            found.contains($0.key) || $0.key < start && $0.key < durableEnd
        }
    }

    /// Where the earliest transaction begins that has no marker below `end`.
    func lastStableOffset(durableEnd end: Int64, start: Int64) -> Int64 {
        var open: [Int64: Int64] = [:]
        for (offset, entry) in entries.sorted(by: { $0.key < $1.key }) where offset < end {
            switch entry.kind {
            case .plain: break
            case .transactional: open[entry.producer] = open[entry.producer] ?? offset
            case .marker: open[entry.producer] = nil
            }
        }
        return max(start, open.values.min() ?? end)
    }

    /// What a reader of committed records gets from `start` to `end`, by offset.
    func committed(from start: Int64, to end: Int64) -> [Int64: String] {
        var pending: [Int64: [Int64: String]] = [:]
        var committed: [Int64: String] = [:]
        for (offset, entry) in entries.sorted(by: { $0.key < $1.key }) {
            switch entry.kind {
            case .plain: committed[offset] = entry.value
            case .transactional: pending[entry.producer, default: [:]][offset] = entry.value
            case .marker(let commit):
                let records = pending.removeValue(forKey: entry.producer) ?? [:]
                if commit { committed.merge(records) { $1 } }
            }
        }
        return committed.filter { $0.key >= start && $0.key < end }
    }

    /// Each producer's last batch with a sequence.
    var lastBatches: [Int64: (offset: Int64, entry: Entry)] {
        var last: [Int64: (offset: Int64, entry: Entry)] = [:]
        for (offset, entry) in entries.sorted(by: { $0.key < $1.key }) where entry.sequence >= 0 {
            last[entry.producer] = (offset, entry)
        }
        return last
    }

    /// Holds the log against the model.
    mutating func check(_ log: PartitionLog, _ context: @autoclosure () -> String) throws {
        let end = log.lastStableOffset
        let start = log.startOffset
        #expect(
            end == lastStableOffset(durableEnd: log.durableEnd, start: start),
            "\(context()): last stable offset")
        let values = try log.committedRecords()
        #expect(values == committed(from: start, to: end), "\(context()): committed records")
        for (offset, value) in shown where offset >= start {
            #expect(values[offset] == value, "\(context()): offset \(offset) was shown committed")
        }
        for offset in values.keys where offset < shownEnd {
            #expect(shown[offset] != nil, "\(context()): offset \(offset) was hidden before")
        }
        #expect(end >= shownEnd, "\(context()): the last stable offset went back")
        shown = values
        shownEnd = max(shownEnd, end)
        durableEnd = max(durableEnd, log.durableEnd)
    }
}

/// A partition, its model, and somebody who runs transactions at random.
struct TransactionWorld {
    private let seed: UInt64
    private var generator: Generator
    private let disk: SimulatedDisk
    private var directory: DataDirectory
    private var now: Int64 = 1_767_225_600_000
    private var model = TransactionModel()
    private var sequences: [Int64: Int32] = [:]
    private var step = 0
    private let told = Lock<Int64>(0)
    private(set) var hasFailed = false
    /// In every other run the log keeps its beginning, so that all can be built from it: what was
    /// before the first batch stands in the first snapshot only.
    private var isTrimming: Bool { seed % 2 == 0 }

    private var log: PartitionLog { directory.topic("t")!.partitions[0] }
    private var context: String { "seed \(seed) step \(step)" }

    init(seed: UInt64) throws {
        self.seed = seed
        generator = Generator(seed: seed)
        disk = SimulatedDisk(seed: seed)
        directory = try Self.open(disk, now)
        try directory.createTopic(
            "t", partitions: 1,
            overrides: [
                "segment.bytes": "1024", "index.interval.bytes": "100", "retention.bytes": "6000",
                "retention.ms": "60000",
            ], now: now)
    }

    private static func open(_ disk: SimulatedDisk, _ now: Int64) throws -> DataDirectory {
        try DataDirectory.open(
            path: "/data", disk: disk, options: LogFixture.options(), now: now, logger: nil)
    }

    mutating func workUntilCrash() throws {
        disk.die(at: disk.operationCount + generator.int(1...200))
        do {
            for _ in 0..<80 where !disk.isDead {
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
        model.durableEnd = max(model.durableEnd, told.withLock { $0 })
    }

    private mutating func work() throws {
        now += Int64(generator.int(0...500))
        switch generator.int(0..<100) {
        case 0..<50: try append()
        case 50..<68: try end()
        case 68..<84: directory.commitNow()
        case 84..<90 where !isTrimming: try end()
        case 84..<87:
            let target = log.startOffset + (log.durableEnd - log.startOffset) / 2
            _ = try log.trim(to: target, now: now)
        case 87..<90: directory.applyRetention(now: now + Int64(generator.int(0...1) * 61_000))
        case 90..<92: directory.tick(now: now + Int64(generator.int(0...1) * 40_000))
        case 92..<94: try restart()
        default:
            if !disk.isDead { try check() }
        }
    }

    private mutating func append() throws {
        // Producers 0 to 2 run transactions, 3 only numbers its batches, -1 does neither.
        let producer = Int64(generator.int(-1...3))
        let value = "v\(step)"
        let sequence = producer < 0 ? -1 : sequences[producer] ?? 0
        let entry = TransactionModel.Entry(
            kind: (0...2).contains(producer) ? .transactional : .plain, producer: producer,
            sequence: sequence, value: value)
        // Before it is: the disk may die in the middle of the write, and keep all of it.
        model.appended(entry, at: log.endOffset)
        let result = try log.append(batch(entry), now: now)
        #expect(!result.isDuplicate, "\(context)")
        if producer >= 0 { sequences[producer] = sequence + 1 }
        whenDurable(result)
    }

    private func batch(_ entry: TransactionModel.Entry) -> ByteSlice {
        Batches.batch(
            [Array(entry.value.utf8)], timestamp: now, producerID: entry.producer,
            epoch: entry.producer < 0 ? -1 : 0, sequence: entry.sequence,
            attributes: BatchAttributes(isTransactional: entry.kind == .transactional))
    }

    private mutating func end() throws {
        let producer = Int64(generator.int(0...2))
        let commit = generator.chance(1, in: 2)
        model.appended(
            TransactionModel.Entry(
                kind: .marker(commit: commit), producer: producer, sequence: -1, value: ""),
            at: log.endOffset)
        let result = try log.end(producer, commit: commit, now: now)
        whenDurable(result)
    }

    private func whenDurable(_ result: AppendResult) {
        log.whenDurable(result) { [told] error in
            if error == nil { told.withLock { $0 = max($0, result.nextOffset) } }
        }
    }

    private mutating func restart() throws {
        try directory.close(now: now)
        model.durableEnd = max(model.durableEnd, told.withLock { $0 })
        disk.kill()
        directory = try Self.open(disk, now)
        #expect(directory.recovery.partitions[0].wasClean, "\(context)")
        try check()
    }

    private mutating func check() throws {
        let context = context
        try model.check(log, context)
    }

    /// Cuts the power, recovers (dying inside recovery now and then, losing index files at other
    /// times), and holds the log against the model; then every producer repeats its last batch.
    mutating func comeBack() throws {
        disk.powerCut()
        if generator.chance(1, in: 3) {
            disk.die(at: disk.operationCount + generator.int(1...60))
            _ = try? Self.open(disk, now)
            disk.powerCut()
        }
        if generator.chance(1, in: 4) { spoilIndexes() }
        directory = try Self.open(disk, now)
        for damage in directory.recovery.damages {
            #expect(damage.kind != .corruption, "\(context): \(damage)")
        }
        let found = try log.everything().map(\.header.baseOffset)
        model.survived(Set(found), from: log.startOffset)
        try check()
        // A producer of whom only a marker survived begins anew.
        sequences = [:]
        for (producer, last) in model.lastBatches.sorted(by: { $0.key < $1.key }) {
            let again = try log.append(batch(last.entry), now: now)
            #expect(
                again.isDuplicate && again.baseOffset == last.offset,
                "\(context): producer \(producer) repeated offset \(last.offset)")
            sequences[producer] = last.entry.sequence + 1
        }
    }

    private mutating func spoilIndexes() {
        for path in disk.allFiles
        where path.hasSuffix("index") || !isTrimming && path.hasSuffix(".producers") {
            switch generator.int(0...3) {
            case 0: disk.erase(path)
            case 1:
                guard var bytes = disk.contents(path), !bytes.isEmpty else { continue }
                bytes[generator.int(0..<bytes.count)] ^= UInt8(1 << generator.int(0...7))
                disk.setContents(path, bytes)
            default: break
            }
        }
    }
}

/// Transactions under power cuts (I3: what was shown as committed stays, what was aborted never
/// shows).
@Suite struct TransactionPowerCutTests {
    @Test(arguments: 0..<2)
    func committedRecordsSurvivePowerCutsAndAbortedOnesNeverShow(part: Int) throws {
        let seed = Generator.seed(for: "committedRecordsSurvivePowerCuts \(part)")
        for run in 0..<25 {
            var world = try TransactionWorld(seed: seed &+ UInt64(part * 1000 + run))
            for _ in 0..<4 {
                try world.workUntilCrash()
                try world.comeBack()
            }
            if world.hasFailed { break }
        }
    }
}
