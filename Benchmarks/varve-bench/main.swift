import Foundation
import VarvePlatform

let scenarios: [any Scenario] = [
    try AcknowledgeScenario(), try GroupCommitScenario(), try StreamScenario(),
]

func usage(_ code: Int32) -> Never {
    print(
        """
        usage: varve-bench list
               varve-bench run [SCENARIO ...] [--rounds N] [--directory DIR]
               varve-bench start fill|crash|open DIR ...

        Measures Varve against the machine's own limits, in turn, and prints the ratio.
        Build it with -c release. DIR (default: the current one) chooses the disk.
        """)
    exit(code)
}

var words = Array(CommandLine.arguments.dropFirst())
@MainActor func takeOption(_ name: String) -> String? {
    guard let at = words.firstIndex(of: name) else { return nil }
    guard at + 1 < words.count else { usage(2) }
    defer { words.removeSubrange(at...at + 1) }
    return words[at + 1]
}
let roundText = takeOption("--rounds") ?? "5"
let parent = takeOption("--directory") ?? "."
guard let rounds = Int(roundText), (1...1000).contains(rounds), let verb = words.first else {
    usage(2)
}

switch verb {
case "--help", "-h": usage(0)
case "start":
    if try !StartMeasurement.run(Array(words.dropFirst())) {
        print(StartMeasurement.usage)
        exit(2)
    }
case "list":
    for scenario in scenarios { print("\(scenario.name): \(scenario.summary)") }
case "run":
    let names = words.dropFirst()
    for name in names where !scenarios.contains(where: { $0.name == name }) {
        print("no scenario is called \(name); see: varve-bench list")
        exit(2)
    }
    let directory = parent + "/varve-bench-\(ProcessControl.identifier)"
    try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: false)
    defer {
        do {
            try FileManager.default.removeItem(atPath: directory)
        } catch {
            print("could not remove \(directory): \(error)")
        }
    }
    for scenario in scenarios where names.isEmpty || names.contains(scenario.name) {
        var limits: [Double] = []
        var ours: [Double] = []
        for _ in 0..<rounds {
            limits.append(try scenario.limit(in: directory))
            ours.append(try scenario.ours(in: directory))
        }
        let figures = Figures(limits: limits, ours: ours)
        let ratios = figures.ratios
        print(
            String(
                format: "%@: %.2f of the limit (%.2f to %.2f over %d rounds); %.0f against %.0f %@",
                scenario.name, ratios.median, ratios.min, ratios.max, rounds,
                Figures.median(ours), Figures.median(limits), scenario.unit))
    }
default: usage(2)
}
