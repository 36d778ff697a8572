internal import VarvePlatform
internal import VarveRecords

/// What a partition remembers of the producers that number their batches (KIP-98): enough to tell
/// a retry from a new batch, and a gap from the next one.
///
/// Bounded: producers unused for `expiryMilliseconds` go, and beyond `producersMax` the longest
/// unused tenth goes, which costs those producers only the recognition of a retry.
///
/// The `.producers` file of offset O holds the state before O, big-endian:
///
///     8  magic "VarvePS1"        4  number of producers
///     each producer: 8 id, 2 epoch, 8 last append time, 1 number of batches (1 to 5)
///         each batch: 4 first sequence, 4 last sequence, 8 first offset, 8 last offset
///     4  CRC-32C of everything before
struct ProducerState: Sendable {
    /// Batches remembered for each producer: as many as Kafka's idempotent producer has in flight
    /// (`max.in.flight.requests.per.connection` 5).
    static let batchesMax = 5
    /// Source: Kafka's `producer.id.expiration.ms`.
    static let defaultExpiryMilliseconds: Int64 = 86_400_000
    static let producersMax = 50_000

    struct Batch: Equatable, Sendable {
        var firstSequence: Int32
        var lastSequence: Int32
        var firstOffset: Int64
        var lastOffset: Int64
    }

    struct Producer: Equatable, Sendable {
        var epoch: Int16
        /// When it last appended, ms since 1970.
        var lastAppendTime: Int64
        /// Oldest first, never empty.
        var batches: [Batch]
    }

    private(set) var producers: [Int64: Producer] = [:]

    init() {}

    var isEmpty: Bool { producers.isEmpty }
    var count: Int { producers.count }
    /// The last offset before `end` of each producer, by its id: where what lies behind `end` is
    /// lost to a power cut, it is the one to go on from.
    func lastOffsets(below end: Int64) -> [Int64: Int64] {
        producers.compactMapValues { producer in
            producer.batches.last { $0.lastOffset < end }?.lastOffset
        }
    }

    enum Verdict: Equatable {
        case next
        /// The batch is here already, at these offsets: answer as the first time.
        case duplicate(Batch)
    }

    /// Whether `header`'s batch is its producer's next. Changes nothing.
    /// - Throws: `.invalidProducerEpoch`, `.outOfOrderSequence`.
    /// A producer that is not known (new, or expired) may begin with any sequence, as in Kafka.
    func check(_ header: RecordBatchHeader) throws(LogError) -> Verdict {
        guard let producer = producers[header.producerID], let last = producer.batches.last else {
            return .next
        }
        guard header.producerEpoch >= producer.epoch else {
            throw .invalidProducerEpoch(
                producerID: header.producerID, current: producer.epoch,
                found: header.producerEpoch)
        }
        let expected: Int32
        if header.producerEpoch == producer.epoch {
            let same = producer.batches.last {
                $0.firstSequence == header.baseSequence && $0.lastSequence == header.lastSequence
            }
            if let same { return .duplicate(same) }
            // After 2^31-1 comes 0 (KIP-98).
            expected = last.lastSequence == Int32.max ? 0 : last.lastSequence + 1
        } else {
            expected = 0
        }
        guard header.baseSequence == expected else {
            throw .outOfOrderSequence(
                producerID: header.producerID, expected: expected, found: header.baseSequence)
        }
        return .next
    }

    /// Remembers a batch that was appended. `header` has its final offsets.
    mutating func note(_ header: RecordBatchHeader, appendTime: Int64) {
        guard header.hasProducer, header.baseSequence >= 0, !header.attributes.isControl else {
            return
        }
        let batch = Batch(
            firstSequence: header.baseSequence, lastSequence: header.lastSequence,
            firstOffset: header.baseOffset, lastOffset: header.lastOffset)
        if producers[header.producerID]?.epoch == header.producerEpoch {
            producers[header.producerID]!.noteBatch(batch, appendTime: appendTime)
        } else {
            if producers.count >= Self.producersMax { dropOldest() }
            producers[header.producerID] = Producer(
                epoch: header.producerEpoch, lastAppendTime: appendTime, batches: [batch])
        }
    }

    /// Forgets producers whose last append is older than `expiryMilliseconds`.
    mutating func expire(now: Int64, expiryMilliseconds: Int64) {
        let expired = producers.filter { now - $0.value.lastAppendTime > expiryMilliseconds }
        for id in expired.keys { producers[id] = nil }
    }

    private mutating func dropOldest() {
        let byAge = producers.sorted { $0.value.lastAppendTime < $1.value.lastAppendTime }
        for (id, _) in byAge.prefix(Self.producersMax / 10) { producers[id] = nil }
    }
}

extension ProducerState.Producer {
    fileprivate mutating func noteBatch(_ batch: ProducerState.Batch, appendTime: Int64) {
        if batches.count == ProducerState.batchesMax { batches.removeFirst() }
        batches.append(batch)
        lastAppendTime = max(lastAppendTime, appendTime)
    }
}

// MARK: The file

extension ProducerState {
    private static let magic = "VarvePS1"

    /// The state as a `.producers` file holds it.
    var bytes: ByteSlice {
        var writer = ByteWriter(capacity: 64 + producers.count * 64)
        writer.utf8(Self.magic)
        writer.uint32(UInt32(producers.count))
        for (id, producer) in producers.sorted(by: { $0.key < $1.key }) {
            writer.int64(id)
            writer.int16(producer.epoch)
            writer.int64(producer.lastAppendTime)
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
        do throws(ByteReadError) {
            var reader = ByteReader(bytes, at: bytes.count - 4)
            guard try reader.uint32() == found else { return nil }
            reader = ByteReader(bytes, at: 8)
            for _ in 0..<(try reader.uint32()) {
                let id = try reader.int64()
                var producer = Producer(
                    epoch: try reader.int16(), lastAppendTime: try reader.int64(), batches: [])
                for _ in 0..<(try reader.uint8()) {
                    producer.batches.append(
                        Batch(
                            firstSequence: try reader.int32(), lastSequence: try reader.int32(),
                            firstOffset: try reader.int64(), lastOffset: try reader.int64()))
                }
                producers[id] = producer
            }
        } catch {
            return nil
        }
    }
}
