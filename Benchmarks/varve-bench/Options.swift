import Foundation
import VarvePlatform

/// What `varve-bench run` was asked for.
struct Options {
    var scenarios: [String] = []
    var rounds = 5
    /// Rounds before those that count: a Java virtual machine is several times faster after some.
    var warmUpRounds = 0
    /// The longest that one run produces; slow peers send less in it.
    var seconds = 1
    /// Nil for all that are there.
    var peers: Set<String>?
    var directory = "."
    var varve: String?
    var json: String?
    /// A file of real events for `produce-lz4`.
    var events: String?
    /// Gigabytes of history made for the scenarios about it, in files with holes.
    var historyGigabytes = 100
    /// Settings of the Varve that is measured, as `varve broker --set` takes them.
    var settings: [String] = []

    init(_ words: [String]) throws {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else {
                guard ScenarioTable.all.contains(where: { $0.name == word }) else {
                    throw BenchError.usage(
                        "there is no scenario \"\(word)\"; see: varve-bench list")
                }
                scenarios.append(word)
                continue
            }
            guard let value = rest.popFirst() else {
                throw BenchError.usage("\(word) needs a value")
            }
            switch word {
            case "--rounds": rounds = try Self.number(value, word, 1...1000)
            case "--warm-up": warmUpRounds = try Self.number(value, word, 0...100)
            case "--seconds": seconds = try Self.number(value, word, 1...600)
            case "--peers":
                peers = Set(value == "none" ? [] : value.split(separator: ",").map(String.init))
            case "--directory": directory = value
            case "--varve": varve = value
            case "--json": json = value
            case "--events": events = value
            case "--history": historyGigabytes = try Self.number(value, word, 1...10_000)
            case "--set": settings.append(value)
            default:
                throw BenchError.usage("there is no option \(word); see: varve-bench --help")
            }
        }
    }

    private static func number(
        _ text: String, _ option: String, _ range: ClosedRange<Int>
    ) throws -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw BenchError.usage(
                "\(option) takes \(range.lowerBound) to \(range.upperBound), not \"\(text)\"")
        }
        return number
    }

    /// The broker to measure.
    func broker() throws -> String {
        let beside = ProcessControl.executablePath().map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().path + "/varve"
        }
        let path = varve ?? ProcessControl.environment("VARVE_BIN") ?? beside ?? "varve"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw BenchError.usage(
                "there is no broker at \(path): swift build -c release --product varve, or name "
                    + "one with --varve")
        }
        return URL(fileURLWithPath: path).path
    }
}
