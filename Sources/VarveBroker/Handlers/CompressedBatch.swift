internal import VarveLog
internal import VarvePlatform
internal import VarveRecords

/// Compressed batches on their way in. The log looks at the bytes of a batch, and inside only where
/// they are not compressed.
enum CompressedBatch {
    /// The batch as the topic keeps it: looked into where it is compressed, and in the codec that
    /// `compression.type` names; `batch` itself where that is how it came.
    /// - Parameter batch: whole, its checksum not verified yet.
    /// - Throws: `.badBatch`.
    static func admit(
        _ batch: ByteSlice, to topic: Topic, broker: BrokerState
    ) throws(LogError) -> ByteSlice {
        do throws(RecordError) {
            let header = try batch.withUnsafeBytes { (bytes) throws(RecordError) in
                try RecordBatchHeader(parsing: bytes)
            }
            // A codec that is not built in cannot be looked into, and passes.
            let given = header.attributes.codec ?? CompressionCodec.none
            if given != .none && given.isBuiltIn
                && broker.settings.boolean("varve.produce.check.compressed")
            {
                try check(batch)
            }
            let configuration = topic.configuration
            guard let codec = configuration.codec else { return batch }
            return try RecordBatch.recompressed(
                batch, with: codec, level: configuration.codecLevel)
        } catch {
            throw .badBatch(error)
        }
    }

    /// Takes a compressed batch apart as its consumers will: one that none of them could read would
    /// hold them up for ever. Kafka's broker does the same (`LogValidator`).
    private static func check(_ batch: ByteSlice) throws(RecordError) {
        do throws(RecordError) {
            try RecordBatch.checkRecords(in: batch)
        } catch {
            // Damage on the way is to be told from a batch that is whole and wrong: the one is
            // worth sending again.
            _ = try batch.withUnsafeBytes { (bytes) throws(RecordError) in
                try RecordBatchHeader.verified(bytes)
            }
            throw error
        }
    }
}
