import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// In which order compaction goes about its segments, and which it leaves apart.
@Suite struct CompactionOrderTests {
    /// What somebody who reads the whole log takes for each key's value.
    private func values(_ fixture: CompactionFixture) throws -> [String: String] {
        var values: [String: String] = [:]
        for record in try fixture.records() {
            values[record.key!.string] = record.value.map { String($0.string.prefix(6)) }
        }
        return values
    }

    /// A tombstone may go only when every older record of its key has gone: two compactions, the
    /// second when the tombstone's time is over, each cut off wherever it asks for leave to go on.
    @Test func aDeletedKeyStaysDeletedWhereverACompactionIsCutOff() throws {
        let filling = String(repeating: "-", count: 600)
        var (first, moments) = (1, 0)
        var isWhole = false
        while !isWhole {
            for second in 1... {
                // Each with something that stays, too large for any two of them to be merged.
                var fixture = try CompactionFixture(["delete.retention.ms": "10"])
                try fixture.put([("deleted", "before"), ("kept", "first"), ("x", filling)])
                try fixture.put([("deleted", nil), ("kept", "second"), ("y", filling)])
                try fixture.put([("kept", "third"), ("z", filling)])
                try fixture.roll()
                let expected = try values(fixture)
                #expect(expected["deleted"] == nil && expected["kept"] == "third")
                func cut(after count: Int) throws -> Bool {
                    var calls = 0
                    let result = try fixture.log.compact(
                        now: fixture.base.now, memoryMax: 1 << 16
                    ) { _ in
                        calls += 1
                        return calls < count
                    }
                    #expect(
                        try values(fixture) == expected, "cut off at \(first), then at \(second)")
                    return result.wasCutShort
                }
                isWhole = try !cut(after: first)
                fixture.base.now += 20
                let isSecondWhole = try !cut(after: second)
                moments += 1
                if isSecondWhole { break }
            }
            first += 1
        }
        #expect(moments > 20, "\(moments)")
    }

    /// An index entry has 31 bits for the distance from its segment's first offset. (Kafka merged
    /// such segments, and its cleaner died of it: KAFKA-5413.)
    @Test func segmentsThatAreTooFarApartForOneIndexAreNotMerged() throws {
        let far = Int64(Int32.max) + 1000
        var fixture = try CompactionFixture()
        try fixture.put([("a", "near")])
        try fixture.base.directory.close(now: fixture.base.now)
        fixture.base.disk.kill()
        let batch = Batches.batch([[1]], timestamp: fixture.base.now, key: "b")
        let bytes = Batches.stamped(batch, at: far).withUnsafeBytes { Array($0) }
        let path = fixture.base.path(far, "log")
        _ = try fixture.base.disk.open(path, .create)
        fixture.base.disk.setContents(path, bytes)
        try fixture.base.reopen()
        try fixture.put([("c", "far")])
        try fixture.roll()
        let result = try fixture.compact()
        #expect(!result.wasCutShort && result.segmentsBefore == 2 && result.segmentsAfter == 2)
        for restarts in [false, true] {
            if restarts { try fixture.base.restart() }
            #expect(try fixture.records().map(\.offset) == [0, far, far + 1])
            // Also for who begins in the middle.
            #expect(
                try fixture.log.everything(from: 1).map(\.header.baseOffset) == [far, far + 1])
        }
    }
}
