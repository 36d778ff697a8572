import Foundation
import Testing
import VarvePlatform

/// The quick part of the kills (T6), which Tools/prove runs at length.
@Suite struct KillTests {
    @Test func acknowledgedBatchesSurviveKills() throws {
        // The program stands beside the test runner.
        let runner = URL(fileURLWithPath: ProcessControl.executablePath() ?? "")
        let directory = NSTemporaryDirectory() + "varve-kills-" + UUID().uuidString
        let process = Process()
        process.executableURL = runner.deletingLastPathComponent()
            .appendingPathComponent("varve-proof")
        let seed =
            ProcessInfo.processInfo.environment["VARVE_SEED"]
            ?? "\(UInt32.random(in: 0...UInt32.max))"
        print("acknowledgedBatchesSurviveKills: VARVE_SEED=\(seed)")
        process.arguments = [
            "kills", "--count", "60", "--seed", seed, "--directory", directory,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
        #expect(text.contains("kills: 60"), "\(text)")
        if process.terminationStatus == 0 {
            try FileManager.default.removeItem(atPath: directory)
        }
    }
}
