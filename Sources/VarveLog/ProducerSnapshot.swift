internal import VarvePlatform

/// The `.producers` file of offset O holds the producer state before O, big-endian:
///
///     8  magic "VarvePS2"        4  number of producers
///     each producer, by id:
///         8 id, 2 epoch, 8 last append time, 4 coordinator epoch, 8 offset of the last marker,
///         8 first offset of the open transaction (each -1 without one),
///         1 number of batches (0 to 5)
///         each batch: 4 first sequence, 4 last sequence, 8 first offset, 8 last offset
///     4  CRC-32C of everything before
///
/// It is written when everything before O is durable. What fails its checksum, or has another
/// magic, counts as absent: the state is then built from the log.
extension ProducerState {
    private static let magic = "VarvePS2"

    /// The state as a `.producers` file holds it.
    var bytes: ByteSlice {
        var writer = ByteWriter(capacity: 64 + producers.count * 96)
        writer.utf8(Self.magic)
        writer.uint32(UInt32(producers.count))
        for (id, producer) in producers.sorted(by: { $0.key < $1.key }) {
            writer.int64(id)
            writer.int16(producer.epoch)
            writer.int64(producer.lastAppendTime)
            writer.int32(producer.coordinatorEpoch)
            writer.int64(producer.markerOffset)
            writer.int64(producer.transactionStart ?? -1)
            writer.uint8(UInt8(producer.batches.count))
            for batch in producer.batches {
                writer.int32(batch.firstSequence)
                writer.int32(batch.lastSequence)
                writer.int64(batch.firstOffset)
                writer.int64(batch.lastOffset)
            }
        }
        let checksum = writer.withUnsafeBytes { CRC32C.checksum($0) }
        writer.uint32(checksum)
        return writer.finish()
    }

    /// Reads `bytes` back; nil when they are not such a file, or damaged.
    init?(_ bytes: ByteSlice) {
        guard bytes.count >= 16, bytes[0..<8].string == Self.magic else { return nil }
        let found = bytes[0..<bytes.count - 4].withUnsafeBytes { CRC32C.checksum($0) }
        var producers: [Int64: Producer] = [:]
        do throws(ByteReadError) {
            var reader = ByteReader(bytes, at: bytes.count - 4)
            guard try reader.uint32() == found else { return nil }
            reader = ByteReader(bytes, at: 8)
            for _ in 0..<(try reader.uint32()) {
                let id = try reader.int64()
                producers[id] = try Self.producer(&reader)
            }
        } catch {
            return nil
        }
        self.init(restoring: producers)
    }

    private static func producer(_ reader: inout ByteReader) throws(ByteReadError) -> Producer {
        var producer = Producer(
            epoch: try reader.int16(), lastAppendTime: try reader.int64())
        producer.coordinatorEpoch = try reader.int32()
        producer.markerOffset = try reader.int64()
        let start = try reader.int64()
        producer.transactionStart = start < 0 ? nil : start
        for _ in 0..<(try reader.uint8()) {
            producer.batches.append(
                Batch(
                    firstSequence: try reader.int32(), lastSequence: try reader.int32(),
                    firstOffset: try reader.int64(), lastOffset: try reader.int64()))
        }
        return producer
    }
}
