package import VarvePlatform

/// Reads record batches. The records' own format stands in `RecordBatchBuilder.swift`.
package enum RecordBatch {
    /// What decompressing one batch may take unless the caller says otherwise.
    package static let decompressedBytesMax = 256 << 20

    /// All records of the one batch at the start of `batch`, with their offsets and timestamps.
    ///
    /// Checks structure, not the checksum (see `RecordBatchHeader.verified`). Keys, values and
    /// headers share memory with the batch or with its decompressed copy.
    /// - Parameter decompressedBytesMax: a batch that decompresses to more is refused (I8).
    package static func records(
        in batch: ByteSlice, decompressedBytesMax: Int = decompressedBytesMax
    ) throws(RecordError) -> [Record] {
        var records: [Record] = []
        try forEachRecord(in: batch, decompressedBytesMax: decompressedBytesMax) {
            if records.isEmpty { records.reserveCapacity(16) }
            records.append($0)
        }
        return records
    }

    /// Gives each record of the one batch at the start of `batch` to `body`, in order. Where it
    /// throws, `body` has had the records before the damage.
    package static func forEachRecord(
        in batch: ByteSlice, decompressedBytesMax: Int = decompressedBytesMax,
        _ body: (Record) -> Void
    ) throws(RecordError) {
        let (header, payload) = try decompressed(batch, bytesMax: decompressedBytesMax)
        // The smallest record takes 7 bytes, so a count that lies is found before the loop.
        guard Int(header.recordCount) * 7 <= payload.count else {
            throw .inconsistent("\(header.recordCount) records in \(payload.count) bytes")
        }
        var reader = ByteReader(payload)
        for index in 0..<Int(header.recordCount) {
            let record: Record
            do throws(ByteReadError) {
                record = try Self.record(&reader, header)
            } catch {
                throw .badRecord(index: index, error)
            }
            let delta = record.offset &- header.baseOffset
            guard delta >= 0 && delta <= Int64(header.lastOffsetDelta) else {
                throw .inconsistent("offset delta \(delta) outside the batch, record \(index)")
            }
            body(record)
        }
        guard reader.isAtEnd else {
            throw .inconsistent("\(reader.remaining) bytes after the last record")
        }
    }

    /// Takes the one batch at the start of `batch` apart as its consumers will, and tells whether
    /// they can, and find offset deltas 0, 1, 2 ….
    /// - Throws: why they cannot; the batch may also be damaged then, its checksum is not looked at.
    package static func checkRecords(in batch: ByteSlice) throws(RecordError) {
        let (header, payload) = try decompressed(batch, bytesMax: decompressedBytesMax)
        let flaw = payload.withUnsafeBytes {
            RecordWalk.flaw(in: $0, count: Int(header.recordCount))
        }
        if let flaw { throw .inconsistent(flaw) }
    }

    private static func decompressed(
        _ batch: ByteSlice, bytesMax: Int
    ) throws(RecordError) -> (RecordBatchHeader, ByteSlice) {
        let header = try batch.withUnsafeBytes { (bytes) throws(RecordError) in
            try RecordBatchHeader(parsing: bytes)
        }
        guard header.totalByteCount <= batch.count else {
            throw .truncated(needed: header.totalByteCount, available: batch.count)
        }
        guard let codec = header.attributes.codec else {
            throw .unknownCodec(Int(header.attributes.rawValue & 7))
        }
        guard header.recordCount >= 0 else { throw .inconsistent("negative record count") }
        let payload = try codec.decompress(
            batch[RecordBatchHeader.byteCount..<header.totalByteCount], bytesMax: bytesMax)
        return (header, payload)
    }

    /// Splits batches that stand back to back, as in a fetch response. A partial batch at the end
    /// is dropped silently, and so is everything from the first header that does not parse on;
    /// `split` says why it stopped.
    package static func batches(
        in bytes: ByteSlice
    ) -> [(header: RecordBatchHeader, bytes: ByteSlice)] {
        split(bytes).batches
    }

    /// Splits batches that stand back to back. `stop` says why the bytes after the last whole batch
    /// are none: `.truncated` for the partial batch that size limits leave at the end of a fetch
    /// response; nil when there are none.
    package static func split(
        _ bytes: ByteSlice
    ) -> (batches: [(header: RecordBatchHeader, bytes: ByteSlice)], stop: RecordError?) {
        var batches: [(header: RecordBatchHeader, bytes: ByteSlice)] = []
        var position = 0
        while position < bytes.count {
            let rest = bytes[position..<bytes.count]
            let header: RecordBatchHeader
            do throws(RecordError) {
                header = try rest.withUnsafeBytes { (bytes) throws(RecordError) in
                    try RecordBatchHeader(parsing: bytes)
                }
            } catch {
                return (batches, error)
            }
            guard header.totalByteCount <= rest.count else {
                return (
                    batches, .truncated(needed: header.totalByteCount, available: rest.count)
                )
            }
            batches.append((header, rest[0..<header.totalByteCount]))
            position += header.totalByteCount
        }
        return (batches, nil)
    }

    private static func record(
        _ reader: inout ByteReader, _ header: RecordBatchHeader
    ) throws(ByteReadError) -> Record {
        let start = reader.position
        let length = Int(try reader.varint())
        guard length >= 0 && length <= reader.remaining else {
            throw .badLength(position: start, length: Int64(length))
        }
        let end = reader.position + length
        _ = try reader.int8()
        let timestampDelta = try reader.varlong()
        let offsetDelta = try reader.varint()
        let key = try nullable(&reader)
        let value = try nullable(&reader)
        let headerCount = Int(try reader.varint())
        // A header takes two bytes at least.
        guard headerCount >= 0 && headerCount * 2 <= reader.remaining else {
            throw .badLength(position: reader.position, length: Int64(headerCount))
        }
        var headers: [RecordHeader] = []
        headers.reserveCapacity(headerCount)
        for _ in 0..<headerCount {
            guard let name = try nullable(&reader) else {
                throw .badLength(position: reader.position, length: -1)
            }
            headers.append(RecordHeader(name: name, value: try nullable(&reader)))
        }
        guard reader.position == end else {
            throw .badLength(position: start, length: Int64(length))
        }
        return Record(
            offset: header.baseOffset &+ Int64(offsetDelta),
            timestamp: header.attributes.usesAppendTime
                ? header.maxTimestamp : header.baseTimestamp &+ timestampDelta,
            key: key, value: value, headers: headers)
    }

    private static func nullable(_ reader: inout ByteReader) throws(ByteReadError) -> ByteSlice? {
        let position = reader.position
        let length = Int(try reader.varint())
        if length == -1 { return nil }
        guard length >= 0 else { throw .badLength(position: position, length: Int64(length)) }
        return try reader.slice(length)
    }
}
