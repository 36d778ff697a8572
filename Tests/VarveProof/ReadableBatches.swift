package import VarveLog
package import VarvePlatform
internal import VarveRecords

extension PartitionLog {
    /// What can be read of the log, batch by batch and by base offset, stepping over what cannot;
    /// and the error of each step over.
    package func readableBatches() -> (found: [Int64: ByteSlice], errors: [LogError]) {
        var found: [Int64: ByteSlice] = [:]
        var errors: [LogError] = []
        var offset = startOffset
        while offset < durableEnd {
            do throws(LogError) {
                let result = try read(from: offset, bytesMax: 1)
                if result.batches.isEmpty { break }
                for (header, bytes) in RecordBatch.batches(in: result.batches) {
                    found[header.baseOffset] = bytes
                }
                offset = result.nextOffset
            } catch {
                errors.append(error)
                offset += 1
            }
        }
        return (found, errors)
    }
}
