import VarveLog
import VarvePlatform
import VarveRecords

/// A data directory with so much in it, made by the log itself, and stopped cleanly.
enum History {
    /// As large as brokers take them by default.
    private static let batchBytes = 1_000_000

    /// - Parameter gigabytes: in all, of 10^9 bytes, spread over the topic's partitions.
    static func make(
        in directory: String, topic: String, partitions: Int, gigabytes: Double
    ) throws {
        let now = SystemClock().wallMilliseconds()
        let data = try DataDirectory.open(
            path: directory, disk: SparseDisk(), options: DataDirectoryOptions(), now: now,
            logger: nil)
        let made = try data.createTopic(topic, partitions: partitions, now: now)
        let each = gigabytes * 1e9 / Double(partitions)
        let count = max(1, Int((each / Double(batchBytes)).rounded(.up)))
        let batch = try zeros(min(batchBytes, Int(each)))
        for _ in 0..<count {
            for partition in made.partitions { _ = try partition.append(batch, now: now) }
            data.commitNow()
        }
        try data.close(now: now)
    }

    /// A batch of one record of zeros: its pages need no disk.
    private static func zeros(_ bytes: Int) throws -> ByteSlice {
        var builder = RecordBatchBuilder()
        let value = ByteSlice(filling: max(1, bytes - 100)) { buffer in
            buffer.initializeMemory(as: UInt8.self, repeating: 0)
            return buffer.count
        }
        builder.append(
            timestamp: SystemClock().wallMilliseconds(), key: nil, value: value)
        return try builder.finish()
    }
}
