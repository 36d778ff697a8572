import Foundation
import Testing
import VarveDelivery

@testable import varve

/// The project's top directory, as this file knows it.
private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

private func readme() throws -> String {
    try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
}

@Suite struct ReadmeTests {
    @Test func everyCommandIsInTheTableAndEveryRowIsACommand() throws {
        let rows = try readme().components(separatedBy: "\n").compactMap { line -> String? in
            guard line.hasPrefix("| `varve ") else { return nil }
            return line.dropFirst("| `varve ".count).split(separator: "`").first.map(String.init)
        }
        #expect(Set(rows) == Set(CommandLineProgram.commands.map(\.name)))
        #expect(rows.count == CommandLineProgram.commands.count)
    }

    @Test func everyLinkedFileExists() throws {
        var paths: [String] = []
        for piece in try readme().components(separatedBy: "](").dropFirst() {
            guard let path = piece.components(separatedBy: ")").first else { continue }
            if !path.hasPrefix("http") { paths.append(path) }
        }
        #expect(paths.count > 15)
        for path in paths {
            let file = root.appendingPathComponent(path).path
            #expect(FileManager.default.fileExists(atPath: file), "\(path)")
        }
    }

    @Test func configurationSampleParses() throws {
        let block = try #require(
            try readme().components(separatedBy: "```json5\n").dropFirst().first)
        let text = try #require(block.components(separatedBy: "\n```").first)
        let configuration = try Configuration.parse(Data(text.utf8), path: "/varve.json")
        #expect(configuration.workers.map(\.name) == ["search", "siem", "archive"])
    }
}
