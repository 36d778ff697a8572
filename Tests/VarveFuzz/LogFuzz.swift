internal import VarveLog
internal import VarvePlatform
internal import VarveProof
internal import VarveRecords
internal import VarveSimulation

/// One file of a small log is replaced; then the broker starts. Whatever stands there, the log
/// recovers, what it serves passes its checksum (I2), and another start finds nothing more (I5).
enum LogFuzz {
    private static let now: Int64 = 1_767_225_600_000

    /// The log as a stopped process leaves it: closed segments with their indexes and seals, marks
    /// and snapshots.
    private static let disk: SimulatedDisk = {
        do {
            let disk = SimulatedDisk(seed: 1)
            let directory = try Workload.open(disk, "/data", .manual, now: now)
            let log = try directory.createTopic(
                "events", partitions: 1,
                overrides: ["segment.bytes": "1024", "index.interval.bytes": "100"], now: now
            ).partitions[0]
            var sequence: Int32 = 0
            for number in 0..<8 {
                let batch = ProofBatch(
                    number: UInt64(number), timestamp: now + Int64(number), producerID: 7,
                    sequence: sequence)
                sequence += Int32(batch.recordCount)
                _ = try log.append(batch.bytes, now: now)
                if number != 7 { directory.commitNow() }
            }
            directory.tick(now: now + 40_000)
            directory.commitNow()
            disk.kill()
            return disk
        } catch {
            fatalError("\(error)")
        }
    }()

    private static let paths = disk.allFiles

    static func run(_ input: ByteSlice) {
        var input = FuzzInput(input)
        let path = paths[input.choice(of: paths.count)]
        let isSealed = input.byte() & 1 == 1
        let bytes = input.rest
        let copy = disk.fork()
        copy.setContents(path, path.hasSuffix(".log") && isSealed ? resealed(bytes) : bytes.array)
        guard let first = start(copy) else { return }
        let second = start(copy)
        guard let second, second.damages == 0, second.found == first.found else {
            fatalError("a second start differs: \(first) and \(second.debugDescription)")
        }
    }

    private struct State {
        let damages: Int
        /// Bytes of each batch, by base offset.
        let found: [Int64: [UInt8]]
    }

    /// Starts on `disk`, reads everything, and dies. Nil where the directory refuses to open,
    /// which it must then do again.
    private static func start(_ disk: SimulatedDisk) -> State? {
        do throws(LogError) {
            let directory = try Workload.open(disk, "/data", .manual, now: now)
            guard let log = directory.topic("events")?.partitions.first else {
                disk.kill()
                return State(damages: 0, found: [:])
            }
            let report = try log.reopen(now: now, readsEverything: true)
            let (found, errors) = log.readableBatches()
            guard errors.isEmpty else { fatalError("unreadable behind recovery: \(errors)") }
            for (offset, batch) in found {
                do throws(RecordError) {
                    let header = try batch.withUnsafeBytes { (bytes) throws(RecordError) in
                        try RecordBatchHeader.verified(bytes)
                    }
                    guard header.baseOffset == offset else { fatalError("offset \(offset)") }
                } catch {
                    fatalError("served with a wrong checksum: \(error)")
                }
            }
            directory.commitNow()
            disk.kill()
            return State(
                damages: directory.recovery.damages.count + report.damages.count,
                found: found.mapValues(\.array))
        } catch {
            return nil
        }
    }

    /// The bytes with the right checksum in every batch whose header parses: what a fuzzer does
    /// not find by itself.
    private static func resealed(_ bytes: ByteSlice) -> [UInt8] {
        var result = bytes.array
        var position = 0
        while position < result.count {
            let sealed = result[position...].withUnsafeMutableBytes { rest -> Int? in
                do throws(RecordError) {
                    var header = try RecordBatchHeader(parsing: UnsafeRawBufferPointer(rest))
                    guard header.totalByteCount <= rest.count else { return nil }
                    header.seal(
                        UnsafeMutableRawBufferPointer(rebasing: rest[..<header.totalByteCount]))
                    return header.totalByteCount
                } catch {
                    return nil
                }
            }
            guard let sealed else { break }
            position += sealed
        }
        return result
    }

    static var seeds: [ByteSlice] {
        paths.indices.flatMap { index in
            [UInt8(0), 1].map { isSealed in
                FuzzInput.choosing(
                    index, ByteSlice([isSealed] + (disk.contents(paths[index]) ?? [])))
            }
        }
    }
}
