import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// The search for the next batch inside damage: nothing valid is missed, and it ends in time.
@Suite struct BatchSearchTests {
    private func file(_ bytes: [UInt8], _ disk: SimulatedDisk) throws -> any DiskFile {
        let file = try disk.open("/f", .create)
        try bytes.withUnsafeBytes { try file.write($0, at: 0) }
        return file
    }

    /// What trying each byte by itself would find.
    private func slowly(
        _ file: any DiskFile, size: Int64, from start: Int64, _ offsets: Range<Int64>
    ) throws -> Int64? {
        try BatchScanner.withWindow { window in
            var scanner = BatchScanner(file: file, size: size, window: window)
            for position in start..<max(start, size) {
                if let header = try scanner.batch(at: position),
                    offsets.contains(header.baseOffset), header.nextOffset <= offsets.upperBound
                {
                    return position
                }
            }
            return nil
        }
    }

    private func search(
        _ file: any DiskFile, size: Int64, from start: Int64, _ offsets: Range<Int64>,
        pendingMax: Int
    ) throws -> (found: Int64?, passes: Int) {
        try BatchScanner.withWindow { window in
            var scanner = BatchScanner(file: file, size: size, window: window)
            var search = BatchSearch(from: start, pendingMax: pendingMax)
            let found = try search.run(&scanner, offsets: offsets)
            return (found, search.passes)
        }
    }

    /// A header with any checksum that claims `length` bytes.
    private func fake(offset: Int64, length: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: RecordBatchHeader.byteCount)
        bytes.withUnsafeMutableBytes { raw in
            raw.storeBytes(of: offset.bigEndian, as: Int64.self)
            raw.storeBytes(of: length.bigEndian, toByteOffset: 8, as: Int32.self)
            raw[16] = 2
            raw[60] = 1
        }
        return bytes
    }

    @Test func itFindsWhatTryingEachByteFinds() throws {
        let seed = Generator.seed(for: "itFindsWhatTryingEachByteFinds")
        var generator = Generator(seed: seed)
        for round in 0..<150 {
            let disk = SimulatedDisk(seed: 1)
            var bytes: [UInt8] = []
            for _ in 0..<generator.int(1...6) {
                switch generator.int(0..<4) {
                case 0: bytes += generator.bytes(generator.int(0...300))
                case 1:
                    bytes += fake(
                        offset: Int64(generator.int(0...40)),
                        length: Int32(generator.int(49...2000)))
                case 2:
                    // A batch with batches inside its value, cut or whole.
                    let inner = Batches.stamped(
                        Batches.batch([generator.bytes(40)]), at: Int64(generator.int(0...40)))
                    let outer = Batches.stamped(
                        Batches.batch([inner.withUnsafeBytes { Array($0) } + [1, 2, 3]]),
                        at: Int64(generator.int(0...40)))
                    var raw = outer.withUnsafeBytes { Array($0) }
                    if generator.chance(1, in: 2) { raw[generator.int(0..<raw.count)] ^= 1 }
                    bytes += raw
                default:
                    let batch = Batches.stamped(
                        Batches.batch([generator.bytes(generator.int(0...200))]),
                        at: Int64(generator.int(0...40)))
                    let raw = batch.withUnsafeBytes { Array($0) }
                    bytes += raw[..<generator.int(raw.count / 2...raw.count)]
                }
            }
            let file = try file(bytes, disk)
            let start = Int64(generator.int(0...min(80, bytes.count)))
            let offsets = Int64(generator.int(0...10))..<Int64(generator.int(20...60))
            let size = Int64(bytes.count)
            let wanted = try slowly(file, size: size, from: start, offsets)
            for pendingMax in [1, 3, 1000] {
                let found = try search(
                    file, size: size, from: start, offsets, pendingMax: pendingMax)
                #expect(
                    found.found == wanted, "seed \(seed) round \(round) pending \(pendingMax)")
            }
        }
    }

    /// A client may write records that are full of headers, each claiming the rest of the file.
    @Test func placesThatOnlyLookLikeBatchesCostOnePass() throws {
        let disk = SimulatedDisk(seed: 1)
        let count = 20_000
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * RecordBatchHeader.byteCount + 300)
        for number in 0..<count {
            let rest = (count - number) * RecordBatchHeader.byteCount
            bytes += fake(offset: Int64(number), length: Int32(rest - 12))
        }
        let valid = Batches.stamped(Batches.batch([[1, 2, 3]]), at: 30_000)
        bytes += valid.withUnsafeBytes { Array($0) }
        let file = try file(bytes, disk)
        let reads = disk.count(of: .read)
        let found = try search(
            file, size: Int64(bytes.count), from: 1, 0..<40_000, pendingMax: BatchSearch.pendingMax)
        #expect(found.found == Int64(count * RecordBatchHeader.byteCount))
        #expect(found.passes == 1)
        #expect(disk.count(of: .read) - reads <= 4, "each byte is read once")
    }

    /// Somebody cuts a file after it was measured, as a broker does under a verification.
    @Test(arguments: [100, 150, 3 << 20] as [Int64])
    func theZerosOfAFileThatWasCutHaveAnEnd(size: Int64) throws {
        let file = try file([1, 2] + [UInt8](repeating: 0, count: 98), SimulatedDisk(seed: 1))
        let ends = try BatchScanner.withWindow { window in
            var scanner = BatchScanner(file: file, size: size, window: window)
            return [try scanner.end(of: 0), try scanner.end(of: 10), try scanner.end(of: 99)]
        }
        #expect(ends == [2, 10, 99])
    }
}
