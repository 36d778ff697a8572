import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// What a verification says about files that are not of a segment, and how it says it.
@Suite struct VerificationReportTests {
    private func stopped() throws -> LogFixture {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["one", "two"])
        fixture.directory.commitNow()
        try fixture.stop()
        return fixture
    }

    private func write(_ text: String, to path: String, _ fixture: LogFixture) throws {
        _ = try fixture.disk.open(path, .create)
        fixture.disk.setContents(path, Array(text.utf8))
    }

    @Test func everyKindOfFindingSaysWhatItMeansAndWhatToDo() {
        for kind in Finding.Kind.allCases {
            #expect(kind.meaning.count > 20, "\(kind)")
            #expect(kind.remedy.count > 10, "\(kind)")
            let finding = Finding(kind, "/data/file", position: 7, byteCount: 9, "detail")
            #expect(finding.json["meaning"]?.string == kind.meaning)
            #expect(finding.json["remedy"]?.string == kind.remedy)
            #expect("\(finding)" == "\(kind.rawValue)  /data/file position 7, 9 bytes: detail")
        }
    }

    @Test func aMetaFileWithoutItsMembersIsFound() throws {
        for (text, reason) in [("{}", "no format"), ("{\"format\": 1}", "no clusterId or nodeId")] {
            var fixture = try stopped()
            fixture.disk.setContents("/data/meta.json", Array(text.utf8))
            let findings = try fixture.verify().findings
            #expect(findings.map(\.kind) == [.metaDamaged])
            #expect(findings.first?.detail.contains(reason) == true, "\(findings)")
            #expect(throws: LogError.self) { try fixture.reopen() }
        }
    }

    @Test func aSettingThatIsNoTextIsFound() throws {
        let fixture = try stopped()
        let path = "/data/topics/events/topic.json"
        fixture.disk.setContents(
            path,
            Array(
                """
                {"id": "AAAAAAAAAAAAAAAAAAAAAA", "partitions": 1,
                 "configuration": {"retention.ms": 5}}
                """.utf8))
        let findings = try fixture.verify().findings
        #expect(findings.map(\.kind) == [.topicDamaged])
        #expect(findings.first?.detail.contains("retention.ms is not a string") == true)
    }

    /// What is nobody's is said and left alone: it is no damage.
    @Test func strangeFilesAreNotedAndNoFindings() throws {
        let fixture = try stopped()
        try write("hello", to: "/data/topics/readme", fixture)
        try fixture.disk.createDirectory("/data/topics/events/7")
        try write("{", to: "/data/quarantine/events.topic.json", fixture)
        let report = try fixture.verify()
        #expect(report.isClean, "\(report.findings)")
        #expect(
            report.notes.sorted() == [
                "/data/quarantine/events.topic.json is a damaged topic.json, set aside",
                "/data/topics/events/7 is no partition of the topic",
                "/data/topics/readme is no directory; left alone",
            ])
    }

    @Test func aQuarantineReportThatCannotBeReadIsAFinding() throws {
        let fixture = try stopped()
        try write("{\"kind\": ", to: "/data/quarantine/a.json", fixture)
        // One that says nothing of a copy has none that could be missing.
        try write("{\"topic\": \"events\"}", to: "/data/quarantine/b.json", fixture)
        let report = try fixture.verify()
        #expect(report.findings.map(\.kind) == [.quarantineDamaged])
        #expect(report.findings.first?.path == "/data/quarantine/a.json")
        #expect(report.quarantine.map(\.path) == ["/data/quarantine/b.json"])
    }

    @Test func aPieceInTheQuarantineIsToldWhole() throws {
        var fixture = try stopped()
        let path = fixture.path(0, "log")
        var bytes = fixture.disk.contents(path)!
        bytes[70] ^= 1
        fixture.disk.setContents(path, bytes)
        try fixture.reopen()
        _ = try fixture.log.reopen(now: fixture.now, readsEverything: true)
        try fixture.stop()
        let piece = try #require(try fixture.verify().quarantine.first)
        #expect(
            piece.text == "corruption  events-0, \(bytes.count) bytes of \(path) position 0, "
                + "offsets from 0 to before 2, found 2026-01-01T00:00:00.000Z; kept in "
                + "\(piece.path.dropLast(5)).bytes")
        #expect(piece.json["report"]?.string == piece.path)
        #expect(piece.json["bytes"]?.int == Int64(bytes.count))
        #expect(piece.json["kind"]?.string == "corruption")
    }

    /// The checksum is right, and consumers would see an offset twice.
    @Test func recordsOutOfTheirOrderAreFound() throws {
        let fixture = try stopped()
        let path = fixture.path(0, "log")
        var bytes = fixture.disk.contents(path)!
        // Behind the header a first record of 10 bytes; the second one's offset delta is its
        // fourth byte.
        #expect(bytes[61 + 10 + 3] == 2)
        bytes[61 + 10 + 3] = 0
        let checksum = bytes[21...].withUnsafeBytes { CRC32C.checksum($0) }
        withUnsafeBytes(of: checksum.bigEndian) { bytes.replaceSubrange(17..<21, with: $0) }
        fixture.disk.setContents(path, bytes)
        let findings = try fixture.verify().findings
        #expect(findings.map(\.kind) == [.recordsDamaged])
        #expect(findings.first?.detail == "record 1 has offset delta 0 after 0")
    }

    /// Retention, compaction and deleted topics take files away between a look at the directory and
    /// the opening: beside a broker that is no finding, in a stopped directory it is.
    @Test func aFileThatGoesWhileItIsLookedAtIsNoFindingBesideABroker() throws {
        let fixture = try stopped()
        let disk = fixture.disk
        let before = disk.operationCount
        #expect(try fixture.verify().isClean)
        let operations = disk.operationCount - before
        for isRunning in [true, false] {
            var met = 0
            for number in 0..<operations {
                var options = Verification.Options()
                options.isRunning = isRunning
                var verification = Verification(path: "/data", disk: disk, options: options)
                let (operation, faults) = (disk.operationCount + number, disk.faultsMet)
                disk.beginLog()
                disk.fail(.init(operation: operation, errno: SystemError.enoent), only: [.open])
                defer { disk.fail(nil) }
                let report: VerificationReport
                do {
                    report = try verification.run()
                } catch {
                    // Those above the topics are there as long as the directory is.
                    let call = disk.operationLog.first { $0.hasPrefix("\(operation) ") }
                    #expect(call?.contains("/topics/") == false, "\(String(describing: call))")
                    continue
                }
                let call = disk.operationLog.first { $0.hasPrefix("\(operation) ") } ?? ""
                // (The mark is read until it is twice the same.)
                guard disk.faultsMet > faults, !call.hasSuffix("/durable") else { continue }
                met += 1
                #expect(report.isClean == isRunning, "\(call): \(report.findings)")
            }
            #expect(met > 1, "\(met)")
        }
    }

    @Test func aTopicDeletedAtAnyPointIsNoFindingBesideABroker() throws {
        let disk = try stopped().disk
        let before = disk.operationCount
        func verify(_ disk: SimulatedDisk, isRunning: Bool) throws -> VerificationReport {
            var options = Verification.Options()
            options.isRunning = isRunning
            var verification = Verification(path: "/data", disk: disk, options: options)
            return try verification.run()
        }
        #expect(try verify(disk, isRunning: true).isClean)
        for number in 0..<disk.operationCount - before {
            let copy = disk.fork()
            copy.beginLog()
            copy.erase("/data/topics/events", before: number)
            let report = try verify(copy, isRunning: true)
            let call = copy.operationLog.first { $0.hasPrefix("\(number) ") } ?? ""
            #expect(report.isClean, "\(call): \(report.findings)")
        }
        // One that is there and has lost its description is none that was deleted.
        disk.erase("/data/topics/events/topic.json")
        for isRunning in [true, false] {
            let findings = try verify(disk, isRunning: isRunning).findings
            #expect(findings.map(\.kind).contains(.topicDamaged), "\(findings)")
        }
    }

    @Test func aTopicHasThePartitionsItHasAndNoOther() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        let topic = try #require(fixture.directory.topic("events"))
        #expect(topic.partition(0) === fixture.log)
        #expect(topic.partition(1) == nil && topic.partition(-1) == nil)
    }
}
