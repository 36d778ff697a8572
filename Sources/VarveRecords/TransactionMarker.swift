package import VarvePlatform

/// What the control batch at the end of a transaction says: commit or abort, and which term of
/// the transaction coordinator wrote it.
///
/// A batch with the control and the transactional bit, the producer's id and epoch, base sequence
/// -1, and one record:
///
///     key    2 version, 0    2 type: 0 abort, 1 commit
///     value  2 version, 0    4 coordinator epoch
///
/// Source: Kafka's ControlRecordType and EndTxnMarker.json; KIP-98.
package struct TransactionMarker: Hashable, Sendable {
    package var isCommit: Bool
    package var coordinatorEpoch: Int32

    package init(isCommit: Bool, coordinatorEpoch: Int32) {
        self.isCommit = isCommit
        self.coordinatorEpoch = coordinatorEpoch
    }

    /// Bytes of the batch that `batch` makes.
    package static let batchByteCount = RecordBatchHeader.byteCount + 17
    /// As many bytes of a control batch, or all of it, must `init(controlBatch:)` have: the
    /// header, and the record up to its value with every varint at its longest.
    package static let readByteCount = RecordBatchHeader.byteCount + 48

    /// The marker as one batch of `producerID`, written at `timestamp` (ms since 1970).
    package func batch(
        producerID: Int64, producerEpoch: Int16, timestamp: Int64
    ) -> ByteSlice {
        let total = Self.batchByteCount
        var header = RecordBatchHeader(
            baseOffset: 0, batchLength: Int32(total - RecordBatchHeader.prefixByteCount),
            partitionLeaderEpoch: -1, checksum: 0,
            attributes: BatchAttributes(isTransactional: true, isControl: true),
            lastOffsetDelta: 0, baseTimestamp: timestamp, maxTimestamp: timestamp,
            producerID: producerID, producerEpoch: producerEpoch, baseSequence: -1, recordCount: 1)
        var record = ByteWriter(capacity: 32)
        record.varint(16)
        record.int8(0)
        record.varlong(0)
        record.varint(0)
        record.varint(4)
        record.int16(0)
        record.int16(isCommit ? 1 : 0)
        record.varint(6)
        record.int16(0)
        record.int32(coordinatorEpoch)
        record.varint(0)
        let bytes = record.finish()
        return ByteSlice(filling: total) { buffer in
            bytes.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: buffer[RecordBatchHeader.byteCount...])
                    .copyMemory(from: $0)
            }
            header.seal(buffer)
            return total
        }
    }

    /// Reads the marker in a control batch, of which the first `readByteCount` bytes are there, or
    /// all; nil when it is a control batch of another kind, or none.
    package init?(controlBatch bytes: UnsafeRawBufferPointer) {
        guard let header = try? RecordBatchHeader(parsing: bytes), header.attributes.isControl,
            header.attributes.codec == CompressionCodec.none, header.recordCount > 0
        else { return nil }
        var reader = ControlReader(bytes: bytes, position: RecordBatchHeader.byteCount)
        // Length, attributes, timestamp and offset delta. The cleaner moves a batch's base
        // timestamp, so none of them has a fixed length.
        guard reader.varint() != nil, reader.skip(1), reader.varint() != nil,
            reader.varint() != nil, let keyCount = reader.varint(), keyCount == 4,
            let keyVersion = reader.integer(Int16.self), keyVersion >= 0,
            let type = reader.integer(Int16.self), type == 0 || type == 1,
            let valueCount = reader.varint(), valueCount >= 6, reader.skip(2),
            let epoch = reader.integer(Int32.self)
        else { return nil }
        isCommit = type == 1
        coordinatorEpoch = epoch
    }
}

/// Steps through a control record without copying it.
private struct ControlReader {
    let bytes: UnsafeRawBufferPointer
    var position: Int

    mutating func skip(_ count: Int) -> Bool {
        position += count
        return position <= bytes.count
    }

    mutating func integer<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type
    ) -> Number? {
        let start = position
        guard skip(MemoryLayout<Number>.size) else { return nil }
        return Number(bigEndian: bytes.loadUnaligned(fromByteOffset: start, as: type))
    }

    /// A zig-zag varint of up to 64 bits.
    mutating func varint() -> Int64? {
        var raw: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = integer(UInt8.self) else { return nil }
            raw |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1) }
        }
        return nil
    }
}
