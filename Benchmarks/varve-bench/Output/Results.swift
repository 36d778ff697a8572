import Foundation

/// All figures of a run, as `--json` writes and `compare` and Tools/bench-report read them.
struct Results: Codable, Sendable {
    let machine: Machine
    var durability = ""
    /// What `--history` said.
    var historyGigabytes: Int?
    var scenarios: [ScenarioResult] = []

    init(machine: Machine) { self.machine = machine }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(self).write(to: URL(fileURLWithPath: path))
    }

    static func read(_ path: String) throws -> Results {
        do {
            return try JSONDecoder().decode(
                Results.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw BenchError.usage("\(path) is no file of varve-bench run --json: \(error)")
        }
    }
}

/// The figures of one scenario.
struct ScenarioResult: Codable, Sendable {
    struct Entrant: Codable, Sendable {
        let name: String
        let isDurable: Bool
    }

    struct Verdict: Codable, Sendable {
        let text: String
        let atLeast: Double?
        let atMost: Double?
        let spread: Spread
        let isMet: Bool
    }

    let name: String
    let summary: String
    let unit: String
    var contestants: [Entrant] = []
    /// Each round's measurements, by contestant.
    var rounds: [[String: Measurement]] = []
    /// The machine's load average at the end of each round.
    var loadAverages: [Double] = []
    /// Who was not measured to the end, and why.
    var absent: [String: String] = [:]
    var verdicts: [Verdict] = []
    var hasFailed = false

    init(_ scenario: Scenario) {
        name = scenario.name
        summary = scenario.summary
        unit = scenario.unit
    }

    func spread(_ contestant: String, _ value: (Measurement) -> Double?) -> Spread? {
        Spread(rounds.compactMap { $0[contestant].flatMap(value) })
    }

    /// Varve's rate over the contestant's, round by round.
    func ratio(to contestant: String) -> Spread? {
        Spread(
            rounds.compactMap { round in
                guard let ours = round["varve"], let theirs = round[contestant] else { return nil }
                return ours.recordsPerSecond / theirs.recordsPerSecond
            })
    }

    mutating func judge(_ marks: [Mark]) {
        for mark in marks {
            guard let spread = Spread(rounds.compactMap(mark.value)) else { continue }
            var (least, most): (Double?, Double?)
            switch mark.bound {
            case .atLeast(let bound): least = bound
            case .atMost(let bound): most = bound
            }
            verdicts.append(
                Verdict(
                    text: mark.text, atLeast: least, atMost: most, spread: spread,
                    isMet: mark.isMet(by: spread.median)))
        }
    }
}
