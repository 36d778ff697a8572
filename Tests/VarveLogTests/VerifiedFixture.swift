import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

extension LogFixture {
    /// Three segments with indexes and producers, cleanly stopped.
    static func verified() throws -> LogFixture {
        var fixture = try LogFixture()
        try fixture.appendFourToASegment(12)
        _ = try fixture.directory.nextProducerID()
        try fixture.stop()
        return fixture
    }

    func verify(
        _ change: (inout Verification.Options) -> Void = { _ in }
    ) throws -> VerificationReport {
        var options = Verification.Options()
        change(&options)
        var verification = Verification(path: "/data", disk: disk, options: options)
        return try verification.run()
    }

    /// Makes the mark say of the .txnindex file that it should be as it is.
    func vouch(forTransactions bytes: [UInt8]) {
        let mark = "/data/topics/events/0/durable"
        var slots = disk.contents(mark)!
        for slot in [0, 512] where slots[slot] != 0 {
            // See DurableMark and SegmentSummary.
            for (position, checked) in [(120, bytes[...]), (160, nil)] as [(Int, ArraySlice?)] {
                let sum = (checked ?? slots[slot..<slot + 160]).withUnsafeBytes {
                    CRC32C.checksum($0)
                }
                withUnsafeBytes(of: sum.bigEndian) {
                    slots.replaceSubrange(slot + position..<slot + position + 4, with: $0)
                }
            }
        }
        disk.setContents(mark, slots)
    }

    /// Changes one byte of an index and makes checksums and seal right again: what a broker with
    /// a mistake in it would write.
    func forge(_ suffix: String, byte: Int) {
        let file = path(8, suffix)
        var bytes = disk.contents(file)!
        bytes[byte] ^= 1
        disk.setContents(file, bytes)
        let sealPath = path(8, "seal")
        var seal = disk.contents(sealPath)!
        func store(_ checksum: UInt32, at position: Int) {
            withUnsafeBytes(of: checksum.bigEndian) {
                seal.replaceSubrange(position..<position + 4, with: $0)
            }
        }
        // Behind eight bytes of magic, see SegmentSummary.
        store(bytes.withUnsafeBytes { CRC32C.checksum($0) }, at: 8 + (suffix == "index" ? 60 : 68))
        store(seal.dropLast(4).withUnsafeBytes { CRC32C.checksum($0) }, at: seal.count - 4)
        disk.setContents(sealPath, seal)
    }
}
