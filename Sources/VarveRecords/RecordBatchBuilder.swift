package import VarvePlatform

/// Encodes records into one version 2 batch.
///
///     record: length varint          bytes after this field
///             attributes int8        0
///             timestampDelta varlong
///             offsetDelta varint
///             key                    length varint (-1: null), bytes
///             value                  length varint (-1: null), bytes
///             header count varint, then each: name length varint, name,
///                                    value length varint (-1: null), value
///
/// Source: Kafka protocol guide, "Record Batch", "Record". Varints are zig-zag. A value with one
/// owner: do not copy a builder that is being filled.
package struct RecordBatchBuilder {
    private let attributes: BatchAttributes
    private let codec: CompressionCodec
    private var writer = ByteWriter(capacity: 1024)
    private var baseTimestamp: Int64 = 0
    private let fixedBaseTimestamp: Int64?
    private var maxTimestamp: Int64 = -1
    /// The number of records in the batch so far.
    package private(set) var recordCount = 0

    /// - Parameter attributes: where given, its bits (transactional, control) go into the batch;
    ///   the codec is always `codec`.
    /// - Parameter baseTimestamp: what the batch's base timestamp is; without it the first
    ///   record's timestamp.
    package init(
        codec: CompressionCodec = .none, attributes: BatchAttributes? = nil,
        baseTimestamp: Int64? = nil
    ) {
        self.codec = codec
        fixedBaseTimestamp = baseTimestamp
        self.attributes = BatchAttributes(
            rawValue: (attributes?.rawValue ?? 0) & ~7 | UInt16(codec.rawValue))
    }

    /// Bytes of the finished batch if it were not compressed.
    package var byteCount: Int { RecordBatchHeader.byteCount + writer.count }

    /// At most so many bytes does a record add to a batch.
    package static func bytesMax(
        key: ByteSlice?, value: ByteSlice?, headers: [RecordHeader]
    ) -> Int {
        // Length, timestamp delta, offset delta, key length, value length, header count, and
        // two lengths a header, each at its longest.
        var bytes = 5 + 1 + 10 + 5 + 5 + 5 + 5 + (key?.count ?? 0) + (value?.count ?? 0)
        for header in headers { bytes += 10 + header.name.count + (header.value?.count ?? 0) }
        return bytes
    }

    /// Adds a record at the next offset. The first record's timestamp is the batch's base.
    package mutating func append(
        timestamp: Int64, key: ByteSlice?, value: ByteSlice?, headers: [RecordHeader] = []
    ) {
        append(
            timestamp: timestamp, key: key, value: value, headers: headers,
            offsetDelta: Int32(recordCount))
    }

    /// Adds a record `offsetDelta` after the base offset, for batches with holes (compaction).
    /// Deltas must grow.
    package mutating func append(
        timestamp: Int64, key: ByteSlice?, value: ByteSlice?, headers: [RecordHeader],
        offsetDelta: Int32
    ) {
        precondition(offsetDelta > lastOffsetDelta, "offset deltas grow")
        if recordCount == 0 {
            baseTimestamp = fixedBaseTimestamp ?? timestamp
            maxTimestamp = timestamp
        }
        maxTimestamp = max(maxTimestamp, timestamp)
        let timestampDelta = timestamp &- baseTimestamp

        var length = 1 + Self.size(timestampDelta) + Self.size(Int64(offsetDelta))
        length += Self.size(of: key) + Self.size(of: value) + Self.size(Int64(headers.count))
        for header in headers { length += Self.size(of: header.name) + Self.size(of: header.value) }

        writer.varint(Int32(length))
        writer.int8(0)
        writer.varlong(timestampDelta)
        writer.varint(offsetDelta)
        write(key)
        write(value)
        writer.varint(Int32(headers.count))
        for header in headers {
            write(header.name)
            write(header.value)
        }
        lastOffsetDelta = offsetDelta
        recordCount += 1
    }

    private var lastOffsetDelta: Int32 = -1

    /// The batch, compressed and with its checksum; the builder is empty again afterwards.
    /// - Throws: `.inconsistent` without a record, `.badLength` above
    ///   `RecordBatchHeader.batchBytesMax`, `.codecNotBuilt`.
    package mutating func finish(
        baseOffset: Int64 = 0, producerID: Int64 = -1, producerEpoch: Int16 = -1,
        baseSequence: Int32 = -1
    ) throws(RecordError) -> ByteSlice {
        try finish(
            like: RecordBatchHeader(
                baseOffset: baseOffset, batchLength: 0, partitionLeaderEpoch: -1, checksum: 0,
                attributes: attributes, lastOffsetDelta: lastOffsetDelta,
                baseTimestamp: baseTimestamp, maxTimestamp: maxTimestamp, producerID: producerID,
                producerEpoch: producerEpoch, baseSequence: baseSequence,
                recordCount: Int32(recordCount)))
    }

    /// The same, with the offsets, epoch and producer of `original`, of which the records are
    /// a part.
    mutating func finish(like original: RecordBatchHeader) throws(RecordError) -> ByteSlice {
        guard recordCount > 0 else { throw .inconsistent("a batch without a record") }
        precondition(lastOffsetDelta <= original.lastOffsetDelta)
        let payload = try codec.compress(writer.finish())
        var header = original
        header.attributes = attributes
        header.baseTimestamp = baseTimestamp
        header.maxTimestamp = maxTimestamp
        header.recordCount = Int32(recordCount)
        let batch = try header.batch(around: payload)
        recordCount = 0
        lastOffsetDelta = -1
        return batch
    }

    /// Throws away what was appended.
    package mutating func removeAll() {
        writer.cut(to: 0)
        recordCount = 0
        lastOffsetDelta = -1
    }

    private mutating func write(_ bytes: ByteSlice?) {
        guard let bytes else { return writer.varint(-1) }
        writer.varint(Int32(bytes.count))
        writer.bytes(bytes)
    }

    /// Bytes of a zig-zag varint.
    private static func size(_ value: Int64) -> Int {
        ByteWriter.varintSize(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    private static func size(of bytes: ByteSlice?) -> Int {
        guard let bytes else { return 1 }
        return size(Int64(bytes.count)) + bytes.count
    }
}

extension RecordBatch {
    /// A copy of the one batch in `batch`, as written by `producerID`, with its checksum renewed.
    package static func stamped(
        _ batch: ByteSlice, producerID: Int64, producerEpoch: Int16, baseSequence: Int32
    ) throws(RecordError) -> ByteSlice {
        var header = try batch.withUnsafeBytes { (bytes) throws(RecordError) in
            try RecordBatchHeader(parsing: bytes)
        }
        guard header.totalByteCount == batch.count else {
            throw .truncated(needed: header.totalByteCount, available: batch.count)
        }
        header.producerID = producerID
        header.producerEpoch = producerEpoch
        header.baseSequence = baseSequence
        return ByteSlice(filling: batch.count) { copy in
            batch.withUnsafeBytes { copy.copyMemory(from: $0) }
            header.seal(copy)
            return batch.count
        }
    }
}
