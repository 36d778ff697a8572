internal import VarvePlatform

/// A transaction whose marker says abort: readers of committed records drop those of its producer
/// from `firstOffset` to `lastOffset`.
package struct AbortedTransaction: Hashable, Sendable {
    package let producerID: Int64
    /// The first offset of its first batch.
    package let firstOffset: Int64
    /// The offset of its marker.
    package let lastOffset: Int64
    /// The last stable offset as it was behind the marker: no transaction that is still open there
    /// began earlier, so whoever reads below it need look no further in the index.
    package let lastStableOffset: Int64

    package init(
        producerID: Int64, firstOffset: Int64, lastOffset: Int64, lastStableOffset: Int64
    ) {
        self.producerID = producerID
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
        self.lastStableOffset = lastStableOffset
    }
}

/// The aborted transactions whose markers stand in a segment, in the order of their markers.
///
///     offset size field
///          0    2 version, 0
///          2    8 producer id
///         10    8 first offset
///         18    8 last offset
///         26    8 last stable offset
///
/// Big-endian, back to back. Source: Kafka's AbortedTxn and TransactionIndex, KIP-98.
typealias TransactionIndex = SparseIndex<AbortedTransaction>

extension AbortedTransaction: IndexEntry {
    static let byteCount = 34
    private static let version: Int16 = 0

    func write(to writer: inout ByteWriter) {
        writer.int16(Self.version)
        writer.int64(producerID)
        writer.int64(firstOffset)
        writer.int64(lastOffset)
        writer.int64(lastStableOffset)
    }

    init(reading reader: inout ByteReader) throws(ByteReadError) {
        _ = try reader.int16()
        producerID = try reader.int64()
        firstOffset = try reader.int64()
        lastOffset = try reader.int64()
        lastStableOffset = try reader.int64()
    }

    func follows(_ earlier: AbortedTransaction) -> Bool { lastOffset > earlier.lastOffset }

    init(_ completed: ProducerState.CompletedTransaction, lastStableOffset: Int64) {
        producerID = completed.producerID
        firstOffset = completed.firstOffset
        lastOffset = completed.markerOffset
        self.lastStableOffset = lastStableOffset
    }
}
