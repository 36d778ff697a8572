internal import VarveLog
internal import VarvePlatform
internal import VarveRecords

extension PartitionLog {
    /// Gives every durable batch to `body`, in order: how an internal topic is read back.
    /// - Throws: the errors of a read, and of `body`: what came before is not the whole truth then
    ///   and must not be served.
    func forEachDurableBatch(
        _ body: (RecordBatchHeader, ByteSlice) throws(RecordError) -> Void
    ) throws(LogError) {
        var offset = startOffset
        while true {
            let found = try read(from: offset, bytesMax: 1 << 20)
            guard !found.batches.isEmpty, found.nextOffset > offset else { return }
            offset = found.nextOffset
            for (header, bytes) in RecordBatch.batches(in: found.batches) {
                do throws(RecordError) {
                    try body(header, bytes)
                } catch {
                    throw .badBatch(error)
                }
            }
        }
    }
}
