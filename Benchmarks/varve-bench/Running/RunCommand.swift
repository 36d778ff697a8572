import Foundation

/// `varve-bench run`.
enum RunCommand {
    static func run(_ options: Options) throws {
        let bench = try Workbench(options)
        defer { bench.end() }
        var results = Results(machine: Machine.describe(log: bench.directory))
        print(TextReport.heading(results.machine))
        results.historyGigabytes = options.historyGigabytes
        do {
            let proof = try DurabilityProof.run(bench)
            results.durability = proof
            print(proof)
        } catch let error as BenchError where error.isMissing {
            results.durability = "\(error)"
            print("! \(error)")
        }
        let wanted = ScenarioTable.all.filter {
            options.scenarios.isEmpty || options.scenarios.contains($0.name)
        }
        for scenario in wanted {
            // What one left in the page cache took memory that the next has fresh.
            print(FreeMemory.touch())
            do {
                let result = try Rounds(bench: bench).run(scenario)
                print(TextReport.text(result))
                results.scenarios.append(result)
            } catch {
                // The others go on.
                var result = ScenarioResult(scenario)
                result.absent["varve"] = "\(error)"
                result.hasFailed = (error as? BenchError)?.isMissing != true
                print(TextReport.text(result))
                results.scenarios.append(result)
            }
            if let path = options.json { try results.write(to: path) }
        }
        let failed = results.scenarios.filter(\.hasFailed).map(\.name)
        guard failed.isEmpty else {
            throw BenchError.failed(
                "not everything came to its end: " + failed.joined(separator: ", "))
        }
    }
}
