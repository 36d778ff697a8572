internal import VarvePlatform

/// The head of a record batch, version 2, as it stands on the wire and on disk.
///
///     offset size field
///          0    8 baseOffset            assigned by the broker; not under the checksum
///          8    4 batchLength           bytes after this field
///         12    4 partitionLeaderEpoch  set by the broker; not under the checksum
///         16    1 magic                 2
///         17    4 crc                   CRC-32C of bytes 21 to the end
///         21    2 attributes            bits 0-2 codec, 3 append time, 4 transactional,
///                                       5 control, 6 delete horizon
///         23    4 lastOffsetDelta
///         27    8 baseTimestamp         ms since 1970 (the delete horizon where bit 6 is set)
///         35    8 maxTimestamp
///         43    8 producerId            -1 without one
///         51    2 producerEpoch
///         53    4 baseSequence
///         57    4 recordCount
///         61      records               one compressed blob where a codec is set
///
/// All big-endian. Source: Kafka protocol guide, "Record Batch"; KIP-98.
package struct RecordBatchHeader: Equatable, Sendable {
    /// Bytes in a header.
    package static let byteCount = 61
    /// Bytes before the part that `batchLength` counts.
    package static let prefixByteCount = 12
    /// Where the bytes under the checksum begin.
    package static let checkedFrom = 21
    /// The largest batch any part of Varve takes, whatever is configured: lengths are checked
    /// against it before memory is asked for.
    package static let batchBytesMax = 1 << 30

    package var baseOffset: Int64
    package var batchLength: Int32
    package var partitionLeaderEpoch: Int32
    package var checksum: UInt32
    package var attributes: BatchAttributes
    package var lastOffsetDelta: Int32
    package var baseTimestamp: Int64
    package var maxTimestamp: Int64
    package var producerID: Int64
    package var producerEpoch: Int16
    package var baseSequence: Int32
    package var recordCount: Int32

    package init(
        baseOffset: Int64, batchLength: Int32, partitionLeaderEpoch: Int32, checksum: UInt32,
        attributes: BatchAttributes, lastOffsetDelta: Int32, baseTimestamp: Int64,
        maxTimestamp: Int64, producerID: Int64, producerEpoch: Int16, baseSequence: Int32,
        recordCount: Int32
    ) {
        self.baseOffset = baseOffset
        self.batchLength = batchLength
        self.partitionLeaderEpoch = partitionLeaderEpoch
        self.checksum = checksum
        self.attributes = attributes
        self.lastOffsetDelta = lastOffsetDelta
        self.baseTimestamp = baseTimestamp
        self.maxTimestamp = maxTimestamp
        self.producerID = producerID
        self.producerEpoch = producerEpoch
        self.baseSequence = baseSequence
        self.recordCount = recordCount
    }

    /// Reads the header at the start of `bytes`, which may hold more or, past the header, less
    /// than the batch. Checks the length and the magic byte, not the checksum.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(RecordError) {
        guard bytes.count >= Self.byteCount else {
            throw .truncated(needed: Self.byteCount, available: bytes.count)
        }
        func load<Number: FixedWidthInteger & BitwiseCopyable>(
            _ offset: Int, _ type: Number.Type
        ) -> Number {
            Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
        // The magic byte stands at the same place in all versions, so it is looked at first.
        let magic = load(16, Int8.self)
        guard magic == 2 else { throw .badMagic(magic) }
        batchLength = load(8, Int32.self)
        guard
            batchLength >= Int32(Self.byteCount - Self.prefixByteCount),
            batchLength <= Int32(Self.batchBytesMax - Self.prefixByteCount)
        else { throw .badLength(batchLength) }
        baseOffset = load(0, Int64.self)
        partitionLeaderEpoch = load(12, Int32.self)
        checksum = load(17, UInt32.self)
        attributes = BatchAttributes(rawValue: load(21, UInt16.self))
        lastOffsetDelta = load(23, Int32.self)
        baseTimestamp = load(27, Int64.self)
        maxTimestamp = load(35, Int64.self)
        producerID = load(43, Int64.self)
        producerEpoch = load(51, Int16.self)
        baseSequence = load(53, Int32.self)
        recordCount = load(57, Int32.self)
    }

    /// Bytes of the whole batch, header included.
    package var totalByteCount: Int { Int(batchLength) + Self.prefixByteCount }
    /// The offset of the batch's last record. Wraps rather than traps on a header that lies; what
    /// the log has accepted never does.
    package var lastOffset: Int64 { baseOffset &+ Int64(lastOffsetDelta) }
    /// The offset after the batch.
    package var nextOffset: Int64 { lastOffset &+ 1 }
    /// The sequence number of the last record; wraps from 2^31-1 to 0 (KIP-98).
    package var lastSequence: Int32 {
        baseSequence < 0
            ? baseSequence
            : Int32((Int64(baseSequence) + Int64(lastOffsetDelta)) & 0x7FFF_FFFF)
    }
    package var hasProducer: Bool { producerID >= 0 }

    /// Reads the header of the one batch at the start of `bytes` and checks that the batch is
    /// there whole and its checksum right. What this returns may be served (I2).
    package static func verified(
        _ bytes: UnsafeRawBufferPointer
    ) throws(RecordError) -> RecordBatchHeader {
        let header = try RecordBatchHeader(parsing: bytes)
        guard header.totalByteCount <= bytes.count else {
            throw .truncated(needed: header.totalByteCount, available: bytes.count)
        }
        let found = CRC32C.checksum(
            UnsafeRawBufferPointer(rebasing: bytes[checkedFrom..<header.totalByteCount]))
        guard found == header.checksum else {
            throw .badChecksum(expected: header.checksum, found: found)
        }
        return header
    }

    /// Writes this header at the start of `bytes`, which hold the whole batch with its records in
    /// place, and sets its checksum.
    package mutating func seal(_ bytes: UnsafeMutableRawBufferPointer) {
        precondition(bytes.count == totalByteCount)
        func store(_ value: some FixedWidthInteger & BitwiseCopyable, _ offset: Int) {
            bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value))
        }
        store(baseOffset, 0)
        store(batchLength, 8)
        store(partitionLeaderEpoch, 12)
        store(Int8(2), 16)
        store(attributes.rawValue, 21)
        store(lastOffsetDelta, 23)
        store(baseTimestamp, 27)
        store(maxTimestamp, 35)
        store(producerID, 43)
        store(producerEpoch, 51)
        store(baseSequence, 53)
        store(recordCount, 57)
        checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[Self.checkedFrom...]))
        store(checksum, 17)
    }

    /// The batch of this header with `payload` behind it: its length and checksum are made anew.
    /// - Throws: `.badLength` above `batchBytesMax`.
    func batch(around payload: ByteSlice) throws(RecordError) -> ByteSlice {
        let total = Self.byteCount + payload.count
        guard total <= Self.batchBytesMax else { throw .badLength(Int32(clamping: total)) }
        var header = self
        header.batchLength = Int32(total - Self.prefixByteCount)
        return ByteSlice(filling: total) { bytes in
            payload.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: bytes[Self.byteCount...])
                    .copyMemory(from: $0)
            }
            header.seal(bytes)
            return total
        }
    }

    /// Overwrites the two fields outside the checksum in the batch at the start of `bytes`.
    package static func stamp(
        _ bytes: UnsafeMutableRawBufferPointer, baseOffset: Int64, partitionLeaderEpoch: Int32
    ) {
        precondition(bytes.count >= byteCount)
        bytes.storeBytes(of: baseOffset.bigEndian, toByteOffset: 0, as: Int64.self)
        bytes.storeBytes(of: partitionLeaderEpoch.bigEndian, toByteOffset: 12, as: Int32.self)
    }
}

/// The attribute bits of a batch.
package struct BatchAttributes: RawRepresentable, Equatable, Sendable {
    package var rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package init(
        codec: CompressionCodec = .none, usesAppendTime: Bool = false,
        isTransactional: Bool = false, isControl: Bool = false
    ) {
        rawValue =
            UInt16(codec.rawValue) | (usesAppendTime ? 8 : 0) | (isTransactional ? 16 : 0)
            | (isControl ? 32 : 0)
    }

    /// Nil where bits 0 to 2 hold 5, 6 or 7.
    package var codec: CompressionCodec? { CompressionCodec(rawValue: Int(rawValue & 7)) }
    /// The timestamps are the broker's append time, not the producer's.
    package var usesAppendTime: Bool { rawValue & 8 != 0 }
    package var isTransactional: Bool { rawValue & 16 != 0 }
    package var isControl: Bool { rawValue & 32 != 0 }
    static let deleteHorizonBit: UInt16 = 64
    package var hasDeleteHorizon: Bool { rawValue & Self.deleteHorizonBit != 0 }
}
