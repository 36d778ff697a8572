package import VarvePlatform

/// What compaction leaves of a batch. Offsets, sequence numbers and producer stay those of the
/// whole batch, so that neither consumers nor idempotent producers notice a hole.
/// Source: Kafka's `MemoryRecords.filterTo`, KIP-534 (delete horizon).
extension RecordBatch {
    /// The batch of `header` with only `records`, which are some of its own, in order, compressed
    /// as it was.
    /// - Parameter deleteHorizon: from when on its tombstones may go, ms since 1970. It takes the
    ///   base timestamp's place, and the records' times count from it.
    /// - Throws: `.codecNotBuilt`, `.badCompression`, `.badLength`, `.inconsistent` where offsets do
    ///   not grow; keep the batch as it is then.
    package static func compacted(
        _ header: RecordBatchHeader, keeping records: [Record], deleteHorizon: Int64?
    ) throws(RecordError) -> ByteSlice {
        guard let codec = header.attributes.codec else {
            throw .unknownCodec(Int(header.attributes.rawValue & 7))
        }
        var attributes = header.attributes
        if deleteHorizon != nil { attributes.rawValue |= BatchAttributes.deleteHorizonBit }
        var builder = RecordBatchBuilder(
            codec: codec, attributes: attributes, baseTimestamp: deleteHorizon)
        var expected: Int64 = 0
        for record in records {
            // A producer may have compressed anything: the checksum says nothing of its sense.
            let delta = record.offset &- header.baseOffset
            guard delta >= expected, delta <= Int64(Int32.max) else {
                throw .inconsistent("offset delta \(delta) is out of its order")
            }
            expected = delta + 1
            builder.append(
                timestamp: record.timestamp, key: record.key, value: record.value,
                headers: record.headers, offsetDelta: Int32(delta))
        }
        return try builder.finish(like: header)
    }

    /// The batch of `header` without any record: what stays of a producer's last batch, so that
    /// its sequence numbers are known wherever the producer state is built anew.
    package static func emptied(_ header: RecordBatchHeader) -> ByteSlice {
        var empty = header
        empty.batchLength = Int32(RecordBatchHeader.byteCount - RecordBatchHeader.prefixByteCount)
        empty.attributes.rawValue &= ~(BatchAttributes.deleteHorizonBit | 7)
        empty.baseTimestamp = header.maxTimestamp
        empty.recordCount = 0
        return ByteSlice(filling: RecordBatchHeader.byteCount) { bytes in
            empty.seal(bytes)
            return bytes.count
        }
    }
}

extension RecordBatchHeader {
    /// From when on the batch's tombstones, or its transaction marker, may go; nil while no
    /// compaction has set it.
    package var deleteHorizon: Int64? { attributes.hasDeleteHorizon ? baseTimestamp : nil }
}
