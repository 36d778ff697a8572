import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

extension LogFixture {
    /// Appends `count` batches of two records and 228 bytes each, four to a segment, everything
    /// committed: offsets from 0 on, by producer 7. Returns them as the log stores them.
    @discardableResult
    mutating func appendFourToASegment(_ count: Int) throws -> [Int64: ByteSlice] {
        let log = try partition(["segment.bytes": "1024", "index.interval.bytes": "100"])
        var batches: [Int64: ByteSlice] = [:]
        for number in 0..<count {
            let batch = Batches.batch(
                [[UInt8](repeating: UInt8(number), count: 150), [UInt8(number)]],
                timestamp: now + Int64(number), producerID: 7, epoch: 0,
                sequence: Int32(number * 2))
            let result = try log.append(batch, now: now)
            batches[result.baseOffset] = Batches.stamped(batch, at: result.baseOffset)
            if number % 3 == 2 { directory.commitNow() }
        }
        directory.commitNow()
        return batches
    }

    /// What is on the disk after a clean stop.
    func stop() throws {
        try directory.close(now: now)
        disk.kill()
    }
}
