package import VarvePlatform
internal import VarveRecords
internal import VarveSimulation

/// A batch that is known by its number alone, so that a ledger need not keep its bytes.
package struct ProofBatch: Equatable, Sendable {
    /// Everything random in the batch comes from this.
    package let number: UInt64
    /// The time its records claim, ms since 1970.
    package let timestamp: Int64
    /// An idempotent producer's id and sequence, -1 where it has none.
    package let producerID: Int64
    package let sequence: Int32

    package init(
        number: UInt64, timestamp: Int64, producerID: Int64 = -1, sequence: Int32 = -1
    ) {
        self.number = number
        self.timestamp = timestamp
        self.producerID = producerID
        self.sequence = sequence
    }

    /// The first batch of a producer that sends no other: the log must never take it for a retry
    /// of an earlier one, in whichever life of the process that was sent.
    package static func ofOwnProducer(number: UInt64, timestamp: Int64) -> Self {
        Self(
            number: number, timestamp: timestamp, producerID: Int64(number & UInt64(Int64.max)),
            sequence: 0)
    }

    /// Records in it, 1 to 3.
    package var recordCount: Int {
        var generator = Generator(seed: number)
        return generator.int(1...3)
    }

    /// The batch as a producer sends it: about 70 to 2 000 bytes.
    package var bytes: ByteSlice {
        var generator = Generator(seed: number)
        let count = generator.int(1...3)
        let isLarge = generator.chance(1, in: 4)
        var builder = RecordBatchBuilder()
        for _ in 0..<count {
            let value = generator.bytes(generator.int(0...(isLarge ? 650 : 120)))
            builder.append(
                timestamp: timestamp, key: ByteSlice("k\(generator.int(0..<8))"),
                value: ByteSlice(value))
        }
        do {
            return try builder.finish(
                producerID: producerID, producerEpoch: producerID < 0 ? -1 : 0,
                baseSequence: sequence)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    /// The batch as the log keeps it at `offset`.
    package func bytes(at offset: Int64) -> ByteSlice {
        let batch = bytes
        return ByteSlice(filling: batch.count) { buffer in
            batch.withUnsafeBytes { buffer.copyMemory(from: $0) }
            RecordBatchHeader.stamp(buffer, baseOffset: offset, partitionLeaderEpoch: 0)
            return batch.count
        }
    }
}
