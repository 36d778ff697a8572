internal import VarveLog
internal import VarvePlatform
internal import VarveRecords

extension Topic {
    /// The batch as the topic's `compression.type` wants it kept; `batch` itself where that is
    /// how it came.
    /// - Throws: `.badBatch` where it cannot be taken apart.
    func stored(_ batch: ByteSlice) throws(LogError) -> ByteSlice {
        guard let codec = configuration.codec else { return batch }
        do throws(RecordError) {
            return try RecordBatch.recompressed(batch, with: codec)
        } catch {
            throw .badBatch(error)
        }
    }
}
