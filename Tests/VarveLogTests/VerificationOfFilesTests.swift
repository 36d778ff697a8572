import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Every kind of damage in every file beside the segments is found, as one finding and nothing else.
@Suite struct VerificationOfFilesTests {
    private let partition = "/data/topics/events/0/"

    private struct Damage {
        let path: String
        let what: String
        let expected: Finding.Kind?
        let change: (inout [UInt8]) -> Bool
    }

    /// Runs one damage on a fresh log; `change` returns false to remove the file.
    private func expect(_ damage: Damage) throws {
        for isRunning in [false, true] {
            let fixture = try LogFixture.verified()
            var bytes = try #require(fixture.disk.contents(damage.path), "\(damage.path)")
            if damage.change(&bytes) {
                fixture.disk.setContents(damage.path, bytes)
            } else {
                fixture.disk.erase(damage.path)
            }
            let report = try fixture.verify { $0.isRunning = isRunning }
            #expect(
                report.findings.map(\.kind) == (damage.expected.map { [$0] } ?? []),
                """
                \(damage.path) \(damage.what), \(isRunning ? "running" : "stopped"):
                \(report.findings)
                """)
            #expect(report.notices.isEmpty)
            guard let finding = report.findings.first else { continue }
            #expect(!finding.detail.isEmpty && !finding.kind.meaning.isEmpty)
            if finding.kind != .segmentMissing, finding.kind != .producersMissing {
                #expect(finding.path == damage.path)
            }
        }
    }

    /// Each way to damage a file, and the finding it must give.
    private func damages(
        of path: String, missing: Finding.Kind?, wrong: Finding.Kind
    ) -> [Damage] {
        [
            Damage(path: path, what: "removed", expected: missing) { _ in false },
            Damage(path: path, what: "emptied", expected: wrong) { $0 = []; return true },
            Damage(path: path, what: "zeroed", expected: wrong) { bytes in
                bytes = [UInt8](repeating: 0, count: bytes.count)
                return true
            },
            Damage(path: path, what: "filled", expected: wrong) { bytes in
                bytes = [UInt8](repeating: 0xFF, count: bytes.count)
                return true
            },
            Damage(path: path, what: "one bit flipped", expected: wrong) { bytes in
                bytes[bytes.count / 2] ^= 1
                return true
            },
            Damage(path: path, what: "cut", expected: wrong) { bytes in
                bytes.removeLast(3)
                return true
            },
        ]
    }

    @Test func everyDamageOfAHelperFileIsItsFinding() throws {
        let fixture = try LogFixture.verified()
        var table: [Damage] = []
        for base: Int64 in [0, 8] {
            table += damages(
                of: fixture.path(base, "seal"), missing: .sealMissing, wrong: .sealDamaged)
            table += damages(
                of: fixture.path(base, "index"), missing: .indexDamaged, wrong: .indexDamaged)
            table += damages(
                of: fixture.path(base, "timeindex"), missing: .timeIndexDamaged,
                wrong: .timeIndexDamaged)
        }
        table += damages(
            of: fixture.path(16, "index"), missing: .indexDamaged, wrong: .indexDamaged)
        for offset: Int64 in [8, 16, 24] {
            table += damages(
                of: fixture.path(offset, "producers"), missing: .producersMissing,
                wrong: .producersDamaged)
        }
        for damage in table { try expect(damage) }
    }

    @Test func everyDamageOfTheDirectorysFilesIsItsFinding() throws {
        var table = damages(of: "/data/meta.json", missing: .metaDamaged, wrong: .metaDamaged)
        // A bit in the middle of the text may leave it right: the cluster id is any 22 characters.
        table.removeAll { $0.what == "one bit flipped" || $0.what == "cut" }
        let topic = "/data/topics/events/topic.json"
        table += damages(of: topic, missing: .topicDamaged, wrong: .topicDamaged).filter {
            $0.what != "one bit flipped"
        }
        table.append(
            Damage(path: topic, what: "unknown setting", expected: .topicConfigurationUnknown) {
                // As a newer version would write it, with a right checksum or none.
                let text = String(decoding: $0, as: UTF8.self)
                    .replacing("index.interval.bytes", with: "index.interval.bites")
                let lines = text.split(separator: "\n").filter { !$0.contains("crc32c") }
                $0 = Array(lines.joined(separator: "\n").replacing("},\n}", with: "}\n}").utf8)
                return true
            })
        table.append(
            Damage(path: "/data/meta.json", what: "newer format", expected: .metaDamaged) {
                $0 = Array(
                    String(decoding: $0, as: UTF8.self)
                        .replacing("\"format\": 2", with: "\"format\": 9").utf8)
                return true
            })
        table += damages(
            of: "/data/producer-ids", missing: nil, wrong: .producerIDsDamaged
        ).filter { $0.what == "emptied" || $0.what == "filled" || $0.what == "removed" }
        for damage in table { try expect(damage) }
    }

    @Test func everyDamageOfTheMarkIsItsFinding() throws {
        let path = partition + "durable"
        var table = [
            Damage(path: path, what: "removed", expected: .markMissing) { _ in false }
        ]
        for slot in 0..<2 {
            for position in [0, 9, 17, 30, 41, 100, 143, 146] {
                table.append(
                    Damage(
                        path: path, what: "slot \(slot) byte \(position) flipped",
                        expected: .markDamaged
                    ) { bytes in
                        bytes[slot * 512 + position] ^= 4
                        return true
                    })
            }
            table.append(
                Damage(path: path, what: "slot \(slot) zeroed", expected: .markDamaged) { bytes in
                    for index in 0..<512 { bytes[slot * 512 + index] = 0 }
                    return true
                })
        }
        table.append(
            Damage(path: path, what: "cut after slot 0", expected: .markDamaged) { bytes in
                bytes.removeLast(512)
                return true
            })
        for damage in table {
            // With the newer slot gone the older mark counts, and what lies behind it is not
            // held against anything.
            try expect(damage)
        }
    }
}
