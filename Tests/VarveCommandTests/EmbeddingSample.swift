import Foundation
import Testing
import VarveBroker

/// README's sample, as it stands there.
private func sample(_ directory: String, print: (Int64, String) -> Void) throws {
    // The sample begins.
    let broker = try Broker(BrokerConfiguration(dataDirectory: directory, listen: []))
    try broker.start()
    try broker.createTopic("events", partitions: 1)
    let offset = try broker.append(
        topic: "events", records: [BrokerRecord(#"{"user":"ada"}"#, key: "ada")])
    // On disk from here on: no power cut takes it back.
    for record in try broker.read(topic: "events", from: offset) {
        print(record.offset, record.text)
    }
    try broker.stop()
    // The sample ends.
}

@Suite struct EmbeddingTests {
    @Test func readmeSampleRuns() throws {
        let directory = try TemporaryDirectory()
        var printed: [String] = []
        try sample(directory.path + "/data") { offset, text in printed.append("\(offset) \(text)") }
        #expect(printed == [#"0 {"user":"ada"}"#])
    }

    @Test func readmeShowsTheSampleThatIsCompiledHere() throws {
        let here = try String(contentsOfFile: #filePath, encoding: .utf8)
        let lines = here.split(separator: "\n", omittingEmptySubsequences: false)
        let begin = try #require(lines.firstIndex { $0.hasSuffix("// The sample begins.") })
        let end = try #require(lines.firstIndex { $0.hasSuffix("// The sample ends.") })
        let code = lines[(begin + 1)..<end].map { String($0.dropFirst(4)) }
        #expect(code.count <= 10)

        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(
            contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let block = try #require(readme.components(separatedBy: "```swift\n").dropFirst().first)
        let shown = try #require(block.components(separatedBy: "\n```").first)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(shown == ["import VarveBroker", ""] + code)
    }
}
