internal import VarveLog
internal import VarvePlatform
internal import VarveProof

/// A disk that really fails (T7): appends on a file system whose device runs out of room, until a
/// sync fails for good. After its failure a partition must refuse appends and reads, and
/// acknowledge nothing; a sync that succeeds later must not bring it back (I6).
/// Tools/sick-disk makes the disk, heals it, and has the log held against its journal then.
enum SickDisk {
    private struct State {
        /// Partitions that have failed, and their durable end then.
        var failed: [Int32: Int64] = [:]
        var lateAcknowledgements = 0
        var acknowledged = 0
    }

    static func run(_ options: Options, seed: UInt64) throws -> ProofResult {
        var result = ProofResult()
        let journal = try Journal(options.required("ledger"))
        let directory = try Workload.open(
            PosixDisk(), options.required("data"), .threads(syncers: 2), now: 1_767_225_600_000)
        let partitions = 4
        journal.write(.creating(topic: "sick", partitions: partitions, isCompacted: false))
        let topic = try directory.createTopic(
            "sick", partitions: partitions, now: 1_767_225_600_000)
        journal.write(.created(topic: "sick"))
        let state = Lock(State())
        var refused = 0
        var number = seed << 20
        for round in 0..<200_000 {
            let log = topic.partitions[round % partitions]
            let partition = Int(log.partition)
            number += 1
            let batch = ProofBatch(number: number, timestamp: 1_767_225_600_000)
            if !log.isOnline {
                state.withLock { state in
                    if state.failed[log.partition] == nil {
                        state.failed[log.partition] = log.durableEnd
                    }
                }
            }
            journal.write(.appending(topic: "sick", partition: partition, batch))
            do throws(LogError) {
                let appended = try log.append(batch.bytes, now: 1_767_225_600_000)
                journal.write(
                    .appended(
                        topic: "sick", partition: partition, batch, base: appended.baseOffset,
                        next: appended.nextOffset))
                let hadFailed = state.withLock { $0.failed[log.partition] != nil }
                if hadFailed {
                    result.add(violation: "\(partition) took a batch after its failure")
                }
                log.whenDurable(appended) { error in
                    guard error == nil else { return }
                    journal.write(
                        .acknowledged(
                            topic: "sick", partition: partition, end: appended.nextOffset))
                    state.withLock { state in
                        state.acknowledged += 1
                        if let end = state.failed[log.partition], appended.lastOffset >= end {
                            state.lateAcknowledgements += 1
                        }
                    }
                }
            } catch {
                refused += 1
                // Some more, so that later syncs would have their chance to lie.
                if state.withLock({ $0.failed.count }) == partitions, refused > 2000 { break }
                if refused > 20_000 { break }
            }
            if round % 64 == 0 { directory.tick(now: 1_767_225_600_000 + Int64(round)) }
        }
        directory.commitNow()
        let end = state.withLock { $0 }
        for (partition, durableEnd) in end.failed {
            let log = topic.partitions[Int(partition)]
            if log.isOnline { result.add(violation: "\(partition) came back by itself") }
            if log.durableEnd != durableEnd {
                result.add(violation: "\(partition): its end moved after its failure")
            }
            if (try? log.read(from: log.startOffset, bytesMax: 1)) != nil {
                result.add(violation: "\(partition) serves reads after its failure")
            }
        }
        if end.lateAcknowledgements > 0 {
            result.add(violation: "\(end.lateAcknowledgements) acknowledgements after a failure")
        }
        if end.failed.isEmpty { result.add(violation: "no sync failed: this proves nothing") }
        result.count = end.failed.count
        result.details["batches acknowledged before"] = end.acknowledged
        result.details["appends refused"] = refused
        return result
    }
}
