internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveSimulation

/// Sweeps over a small log (T1): every file of it is damaged in every way of `FileDamage`, one at
/// a time. No wrong byte is served, whatever was not damaged is there, every damaged durable
/// batch is reported with segment and position, what was set aside is kept, and damage of an
/// index, seal, mark or snapshot changes nothing but time.
package struct DamageSweep: Sendable {
    private static let now: Int64 = 1_767_225_600_000
    private static let batchCount = 12
    private static let producerID: Int64 = 7

    /// A batch of the log, by where it stands.
    private struct Place {
        let path: String
        let range: Range<Int>
    }

    private let disk: SimulatedDisk
    private let batches: [Int64: ByteSlice]
    private let places: [Int64: Place]
    private let endOffset: Int64
    private let lastBatch: ProofBatch

    /// Every file of the log that is swept over, sorted.
    package let paths: [String]

    /// - Parameter isClean: whether the log was stopped cleanly or its process killed.
    package init(isClean: Bool) throws {
        disk = SimulatedDisk(seed: 1)
        let directory = try Workload.open(disk, "/data", .manual, now: Self.now)
        _ = try directory.nextProducerID()
        let log = try directory.createTopic(
            "events", partitions: 1,
            overrides: [
                "segment.bytes": "1400", "index.interval.bytes": "100",
                "retention.ms": "2604800000",
            ], now: Self.now
        ).partitions[0]
        var batches: [Int64: ByteSlice] = [:]
        var sequence: Int32 = 0
        var last: ProofBatch?
        for number in 0..<Self.batchCount {
            let batch = ProofBatch(
                number: UInt64(number), timestamp: Self.now + Int64(number),
                producerID: Self.producerID, sequence: sequence)
            sequence += Int32(batch.recordCount)
            let result = try log.append(batch.bytes, now: Self.now)
            batches[result.baseOffset] = batch.bytes(at: result.baseOffset)
            last = batch
            if number % 3 == 2 { directory.commitNow() }
        }
        // So that a mark stands in the middle of what a killed process leaves.
        directory.commitNow()
        directory.tick(now: Self.now + 40_000)
        directory.commitNow()
        endOffset = log.endOffset
        if isClean { try directory.close(now: Self.now) }
        disk.kill()
        lastBatch = last!
        self.batches = batches
        paths = disk.allFiles
        var places: [Int64: Place] = [:]
        for path in paths where path.hasSuffix(".log") {
            let bytes = ByteSlice(disk.contents(path)!)
            var position = 0
            for (header, found) in RecordBatch.batches(in: bytes) {
                places[header.baseOffset] = Place(
                    path: path, range: position..<position + found.count)
                position += found.count
            }
        }
        self.places = places
        precondition(places.count == batches.count && places.count == Self.batchCount)
    }

    /// Damages one file in every `stride`-th way, beginning with `first`.
    /// - Parameter movesAll: in every way that moves bytes to another place besides.
    package func run(
        path: String, first: Int = 0, stride: Int = 1, movesAll: Bool = false
    ) -> ProofResult {
        var result = ProofResult()
        let good = disk.contents(path)!
        let all = FileDamage.all(size: good.count)
        for index in first..<max(first, all.count)
        where (index - first) % stride == 0 || movesAll && all[index].movesBytes {
            let bad = all[index].apply(to: good)
            guard bad != good else { continue }
            result.count += 1
            for sentence in check(path, all[index], good: good, bad: bad) {
                result.add(violation: "\(path) \(all[index]): \(sentence)")
            }
            if result.violations.count >= 20 { break }
        }
        return result
    }

    private func check(
        _ path: String, _ damage: FileDamage, good: [UInt8], bad: [UInt8]
    ) -> [String] {
        let copy = disk.fork()
        copy.setContents(path, bad)
        do {
            if path.hasSuffix(".log") {
                return try checkLog(copy, path, damage, good: good, bad: bad)
            }
            return try checkOther(copy, path)
        } catch {
            return ["\(error)"]
        }
    }

    // MARK: Segments

    private func checkLog(
        _ copy: SimulatedDisk, _ path: String, _ damage: FileDamage, good: [UInt8], bad: [UInt8]
    ) throws -> [String] {
        var broken: [String] = []
        let hurt = Set(
            places.filter { $0.value.path == path && isChanged($0.value.range, good, bad) }.keys)
        var directory = try Workload.open(copy, "/data", .manual, now: Self.now)
        var log = directory.topic("events")!.partitions[0]
        // As an ordinary start leaves it: what is served is right.
        var reports = directory.recovery.damages
        var notes = directory.recovery.partitions.flatMap(\.notes)
        broken += wrong(readable(log).found)
        // Read whole, the damage is found, set aside and reported, and nothing else is missing.
        let report = try log.reopen(now: Self.now, readsEverything: true)
        reports += report.damages
        notes += report.notes
        let (found, errors) = readable(log)
        broken += wrong(found)
        if errors > 0 { broken.append("\(errors) errors after a full read") }
        for offset in batches.keys where found[offset] == nil {
            let place = places[offset]!
            // A whole batch that now stands too early leaves no place for those before it: they
            // are set aside, which is reported by position.
            let isAside = reports.contains { report in
                report.path == path && !report.quarantine.isEmpty
                    && Int(report.position) < place.range.upperBound
            }
            if damage.movesBytes && isAside { continue }
            guard hurt.contains(offset) else {
                broken.append("offset \(offset) is gone, which was not damaged")
                continue
            }
            let isReported = reports.contains { damage in
                let end = damage.position + damage.byteCount
                return damage.path == path && damage.firstOffset <= offset
                    && offset < damage.nextOffset && Int(damage.position) < place.range.upperBound
                    // What was cut off has no bytes to report.
                    && (Int(end) > place.range.lowerBound || Int(end) == bad.count)
            }
            if !isReported { broken.append("offset \(offset) is gone unreported: \(reports)") }
        }
        if reports.isEmpty && notes.isEmpty, !isBehindAll(damage, path) {
            broken.append("the damage was not noticed")
        }
        for damage in reports where !damage.quarantine.isEmpty {
            let end = Int(damage.position + damage.byteCount)
            if end <= bad.count,
                copy.contents(damage.quarantine) != Array(bad[Int(damage.position)..<end])
            {
                broken.append("set aside were other bytes than those of \(damage)")
            }
        }
        if log.endOffset != endOffset { broken.append("end \(log.endOffset) of \(endOffset)") }
        // Recovery is idempotent (I5).
        copy.powerCut { _ in 0 }
        directory = try Workload.open(copy, "/data", .manual, now: Self.now)
        log = directory.topic("events")!.partitions[0]
        if let damage = directory.recovery.damages.first { broken.append("again: \(damage)") }
        if readable(log).found != found { broken.append("other batches after a restart") }
        return broken
    }

    /// What is cut off there is only zeros that were written ahead.
    private func isBehindAll(_ damage: FileDamage, _ path: String) -> Bool {
        guard case .truncate(let size) = damage else { return false }
        return places.values.allSatisfy { $0.path != path || $0.range.upperBound <= size }
    }

    private func isChanged(_ range: Range<Int>, _ good: [UInt8], _ bad: [UInt8]) -> Bool {
        range.upperBound > bad.count || good[range] != bad[range]
    }

    private func wrong(_ found: [Int64: ByteSlice]) -> [String] {
        found.compactMap { offset, bytes in
            batches[offset] == bytes ? nil : "offset \(offset) is served with wrong bytes"
        }
    }

    /// What can be read of the log, batch by batch, stepping over what cannot.
    private func readable(_ log: PartitionLog) -> (found: [Int64: ByteSlice], errors: Int) {
        let (found, errors) = log.readableBatches()
        return (found, errors.count)
    }

    // MARK: Everything else

    private func checkOther(_ copy: SimulatedDisk, _ path: String) throws -> [String] {
        var broken: [String] = []
        let directory: DataDirectory
        do throws(LogError) {
            directory = try Workload.open(copy, "/data", .manual, now: Self.now)
        } catch {
            // Who the directory belongs to cannot be built anew: that is refused, by name.
            guard path.hasSuffix("/meta.json") else { throw error }
            switch error {
            case .corrupt(path, _, _), .newerFormat(path, _, _): return []
            default: throw error
            }
        }
        guard let topic = directory.topic("events"), topic.partitions.count == 1 else {
            return ["the topic has changed: \(directory.topics.map(\.partitions.count))"]
        }
        let log = topic.partitions[0]
        let (found, errors) = readable(log)
        if errors > 0 { broken.append("\(errors) errors") }
        if found != batches {
            broken.append("\(found.count) batches are read, not the \(batches.count) there were")
        }
        if let damage = directory.recovery.damages.first { broken.append("reported: \(damage)") }
        for offset in batches.keys {
            let read = try log.read(from: offset, bytesMax: 1)
            if read.batches != batches[offset] { broken.append("offset \(offset) reads otherwise") }
        }
        for number in 0..<Self.batchCount {
            let time = Self.now + Int64(number)
            let expected = batches.filter { $0.value == bytes(number, at: $0.key) }.keys.first
            if try log.offset(atOrAfter: time)?.offset != expected {
                broken.append("time \(time) is found elsewhere")
            }
        }
        let configuration = topic.configuration
        if let limit = configuration.retentionMilliseconds, limit < 2_604_800_000 {
            broken.append("records would be deleted after \(limit) ms")
        }
        if configuration.retentionBytes != nil || configuration.isCompacting {
            broken.append("records would be deleted")
        }
        if try directory.nextProducerID() < 1 { broken.append("a producer id is given out twice") }
        let retry = try log.append(lastBatch.bytes, now: Self.now)
        if !retry.isDuplicate { broken.append("a producer's retry is taken for a new batch") }
        return broken
    }

    private func bytes(_ number: Int, at offset: Int64) -> ByteSlice? {
        batches[offset].flatMap { bytes in
            let header = bytes.withUnsafeBytes { try? RecordBatchHeader(parsing: $0) }
            return header?.maxTimestamp == Self.now + Int64(number) ? bytes : nil
        }
    }
}
