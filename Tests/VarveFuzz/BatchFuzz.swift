internal import VarvePlatform
internal import VarveRecords
internal import VarveSimulation

/// Record batches and the codecs of their payload.
enum BatchFuzz {
    private static let bytesMax = 1 << 20

    /// A batch as it came; one with the right checksum may be served, and compacted.
    static func run(_ input: ByteSlice) {
        for (header, bytes) in RecordBatch.batches(in: input) {
            do throws(RecordError) {
                let records = try RecordBatch.records(
                    in: bytes, decompressedBytesMax: bytesMax)
                guard records.count == Int(header.recordCount) else {
                    fatalError("\(records.count) of \(header.recordCount) records")
                }
                let kept = records.filter { $0.offset % 2 == 0 }
                let compacted = try RecordBatch.compacted(
                    header, keeping: kept, deleteHorizon: nil)
                let read = try RecordBatch.records(in: compacted)
                guard read.map(\.offset) == kept.map(\.offset),
                    read.map(\.value?.array) == kept.map(\.value?.array)
                else { fatalError("compaction changed a batch") }
            } catch {
                // A refusal.
            }
            _ = bytes.withUnsafeBytes { TransactionMarker(controlBatch: $0) }
            _ = RecordBatch.emptied(header)
        }
        input.withUnsafeBytes { bytes in
            do throws(RecordError) {
                _ = try RecordBatchHeader.verified(bytes)
            } catch {
                // A refusal.
            }
        }
    }

    static var seeds: [ByteSlice] {
        CompressionCodec.allCases.filter(\.isBuiltIn).map { codec in
            var builder = RecordBatchBuilder(codec: codec)
            for number in 0..<5 {
                builder.append(
                    timestamp: 1_700_000_000_000 + Int64(number),
                    key: number % 2 == 0 ? nil : ByteSlice("key \(number)"),
                    value: ByteSlice("a value that repeats, a value that repeats"),
                    headers: number == 3 ? [RecordHeader(name: "name", value: "value")] : [])
            }
            return finished(&builder)
        }
    }

    private static func finished(_ builder: inout RecordBatchBuilder) -> ByteSlice {
        do throws(RecordError) {
            return try builder.finish()
        } catch {
            fatalError("\(error)")
        }
    }

    /// The first two bytes name the codec. What comes out never exceeds the bound, and is the same
    /// once it was compressed anew.
    static func runCodec(_ input: ByteSlice) {
        var input = FuzzInput(input)
        let codecs = CompressionCodec.allCases.filter(\.isBuiltIn)
        let codec = codecs[input.choice(of: codecs.count)]
        do throws(RecordError) {
            let plain = try codec.decompress(input.rest, bytesMax: bytesMax)
            guard plain.count <= bytesMax else { fatalError("\(codec): \(plain.count) bytes") }
            let again = try codec.decompress(try codec.compress(plain), bytesMax: plain.count)
            guard again.array == plain.array else { fatalError("\(codec) does not come back") }
        } catch {
            // A refusal.
        }
    }

    static var codecSeeds: [ByteSlice] {
        let plain = ByteSlice(String(repeating: "sediment, layer upon layer; ", count: 20))
        return CompressionCodec.allCases.filter(\.isBuiltIn).enumerated().map { index, codec in
            do throws(RecordError) {
                return FuzzInput.choosing(index, try codec.compress(plain))
            } catch {
                fatalError("\(codec): \(error)")
            }
        }
    }
}
