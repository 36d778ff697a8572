import Foundation
import VarvePlatform

/// The checkout that this program was built in: where the load generators' sources are.
enum Checkout {
    /// The nearest directory above the program, or else the current one, that has a Package.swift.
    static func root() throws -> String {
        let places = [
            ProcessControl.executablePath(), FileManager.default.currentDirectoryPath + "/x",
        ]
        for place in places.compactMap({ $0 }) {
            var directory = URL(fileURLWithPath: place).deletingLastPathComponent()
            while directory.path != "/" {
                if FileManager.default.fileExists(atPath: directory.path + "/Package.swift") {
                    return directory.path
                }
                directory.deleteLastPathComponent()
            }
        }
        throw BenchError.missing(
            "the sources of the load generators are not here: run varve-bench in a checkout")
    }

    /// The commit that is checked out, with a plus sign when files were changed; nil without git.
    static func commit(log: String) -> String? {
        guard let git = Program.find("git") else { return nil }
        do {
            let root = try root()
            func ask(_ words: String...) throws -> String {
                try Program(git, ["-C", root] + words, log: log + "/git").output()
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            }
            let head = try ask("rev-parse", "--short", "HEAD")
            return try ask("status", "--porcelain").isEmpty ? head : head + "+"
        } catch {
            return nil
        }
    }
}
