import Foundation

/// Runs a scenario: in each round every contestant once, in an order that turns, so that the
/// machine's moods meet them all and none always follows the same one.
struct Rounds {
    let bench: Workbench

    func run(_ scenario: Scenario) throws -> ScenarioResult {
        var result = ScenarioResult(scenario)
        var contestants: [any Contestant] = []
        let all = try scenario.contestants(bench)
        defer { for contestant in all { contestant.finish() } }
        for contestant in all {
            result.contestants.append(
                .init(name: contestant.name, isDurable: contestant.isDurable))
            do {
                try contestant.prepare()
                contestants.append(contestant)
            } catch {
                note(error, contestant, &result)
            }
        }
        let warmUp = bench.options.warmUpRounds
        for round in 0..<warmUp + bench.options.rounds {
            var figures: [String: Measurement] = [:]
            for index in contestants.indices {
                let contestant = contestants[(index + round) % contestants.count]
                if result.absent[contestant.name] != nil { continue }
                bench.settle()
                do {
                    figures[contestant.name] = try contestant.measure(round: round)
                } catch {
                    note(error, contestant, &result)
                    contestant.finish()
                }
            }
            guard round >= warmUp else { continue }
            result.rounds.append(figures)
            result.loadAverages.append(Machine.loadAverage)
        }
        result.judge(scenario.marks)
        return result
    }

    private func note(
        _ error: any Error, _ contestant: any Contestant, _ result: inout ScenarioResult
    ) {
        result.absent[contestant.name] = "\(error)"
        // A peer that is not here is no failure; a broken promise is.
        if (error as? BenchError)?.isMissing != true { result.hasFailed = true }
    }
}
