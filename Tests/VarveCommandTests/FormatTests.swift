import Foundation
import Testing
import VarvePlatform
import VarveRecords

@testable import varve

private let record = Record(
    offset: 7, timestamp: 1_700_000_000_000, key: "k", value: "täxt",
    headers: [
        RecordHeader(name: "a", value: "1"), RecordHeader(name: "b", value: nil),
    ])

private func text(_ format: String, _ record: Record = record) throws -> String {
    try RecordFormat(format).bytes(record, topic: "zeek", partition: 3).string
}

@Suite struct RecordFormatTests {
    @Test func everyTokenOfKcatIsThere() throws {
        #expect(
            try text(#"%t %p %o %T %k %s %h %K %S %%\n"#)
                == "zeek 3 7 1700000000000 k täxt a=1,b= 1 5 %\n")
        #expect(try text(#"\t\r\\"#) == "\t\r\\")
    }

    @Test func missingKeyAndValuePrintAsNothing() throws {
        let empty = Record(offset: 0, timestamp: -1, value: nil)
        #expect(try text("[%k][%s][%K][%S]", empty) == "[][][-1][-1]")
    }

    @Test(arguments: ["%x", "%", #"\q"#, #"\"#])
    func unknownTokensAreRefused(format: String) {
        #expect(throws: CommandError.self) { try RecordFormat(format) }
    }

    @Test func jsonLineHoldsEverything() throws {
        let line = RecordFormat.json.bytes(record, topic: "zeek", partition: 3)
        #expect(
            line.string
                == #"{"headers":[{"key":"a","value":"1"},{"key":"b"}],"key":"k","offset":7,"#
                + #""partition":3,"timestamp":1700000000000,"topic":"zeek","value":"täxt"}"#
                + "\n")
    }

    @Test func bytesThatAreNoTextStandInBase64() throws {
        let binary = Record(offset: 0, timestamp: 0, value: ByteSlice([0xFF, 0x00]))
        let line = RecordFormat.json.bytes(binary, topic: "t", partition: 0).string
        #expect(line.contains(#""valueBase64":"/wA=""#))
        #expect(!line.contains(#""value":"#))
    }
}

@Suite struct StartPositionTests {
    @Test(arguments: [
        ("beginning", .beginning), ("start", .beginning), ("earliest", .beginning),
        ("end", .end), ("latest", .end), ("0", .offset(0)), ("42", .offset(42)),
        ("-10", .last(10)), ("@1700000000000", .time(1_700_000_000_000)),
        ("s@1700000000000", .time(1_700_000_000_000)),
        ("@2023-11-14T22:13:20Z", .time(1_700_000_000_000)),
        ("@2023-11-15", .time(1_700_006_400_000)),
    ] as [(String, StartPosition)])
    func everyWayOfWritingAPlaceIsRead(text: String, position: StartPosition) throws {
        #expect(try StartPosition(text, flag: "--offset") == position)
    }

    @Test(arguments: ["", "begining", "@yesterday", "x@5", "1.5"])
    func otherTextIsRefusedWithTheFlag(text: String) {
        #expect(throws: CommandError.self) { try StartPosition(text, flag: "--offset") }
    }
}

@Suite struct ISODurationTests {
    @Test(arguments: [
        ("PT2H", 7_200_000), ("P1D", 86_400_000), ("P1DT2H30M5S", 95_405_000),
        ("PT0.5S", 500), ("P2W", 1_209_600_000), ("PT0S", 0),
    ] as [(String, Int64)])
    func durationsAreRead(text: String, milliseconds: Int64) {
        #expect(ISODuration.milliseconds(text) == milliseconds)
    }

    @Test(arguments: ["", "P", "PT", "2H", "P2H", "PT2", "P1M", "P1Y", "PTT1S", "P-1D", "PT1e30H"])
    func otherTextIsNone(text: String) {
        #expect(ISODuration.milliseconds(text) == nil)
    }
}

@Suite struct LineReaderTests {
    /// The lines of a file with this content.
    private func lines(_ content: [UInt8]) async throws -> [String] {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/lines"
        try Data(content).write(to: URL(fileURLWithPath: path))
        let handle = try #require(FileHandle(forReadingAtPath: path))
        var reader = LineReader(descriptor: handle.fileDescriptor)
        var result: [String] = []
        while let line = try await reader.next() { result.append(line.string) }
        return result
    }

    @Test func linesComeWithoutTheirNewlineAndOtherwiseAsTheyAre() async throws {
        #expect(try await lines(Array("a\n\nb c\r\nd".utf8)) == ["a", "", "b c\r", "d"])
        #expect(try await lines([]) == [])
        #expect(try await lines(Array("\n".utf8)) == [""])
        #expect(try await lines(Array("x\n".utf8)) == ["x"])
    }

    @Test func linesMayBeLongerThanAChunk() async throws {
        let long = String(repeating: "x", count: 700_000)
        #expect(try await lines(Array("a\n\(long)\nb\n".utf8)) == ["a", long, "b"])
    }
}
