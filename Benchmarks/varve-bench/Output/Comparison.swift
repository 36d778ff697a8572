/// `varve-bench compare`: two runs side by side.
enum Comparison {
    static func print(old: String, new: String) throws {
        let (before, after) = (try Results.read(old), try Results.read(new))
        Swift.print("\(before.machine.commit) of \(before.machine.date)")
        Swift.print("\(after.machine.commit) of \(after.machine.date)")
        for later in after.scenarios {
            guard let earlier = before.scenarios.first(where: { $0.name == later.name }) else {
                continue
            }
            Swift.print("\n== \(later.name): \(later.summary)")
            line("\(later.unit)/s", earlier, later) { $0.recordsPerSecond }
            line("broker CPU s/GB", earlier, later, \.brokerCPUPerGigabyte)
            line("broker CPU s/million", earlier, later, \.brokerCPUPerMillion)
            line("p50 ms", earlier, later, \.p50)
            line("p99 ms", earlier, later, \.p99)
            line("resident MB", earlier, later) { $0.residentBytesMax.map { Double($0) / 1e6 } }
            // What the machine did meanwhile stands in the ratios to the others.
            for other in later.contestants where other.name != "varve" {
                guard let was = earlier.ratio(to: other.name), let now = later.ratio(to: other.name)
                else { continue }
                Swift.print(
                    "   rate over \(other.name): \(TextReport.range(was)), now "
                        + TextReport.range(now))
            }
        }
    }

    private static func line(
        _ title: String, _ earlier: ScenarioResult, _ later: ScenarioResult,
        _ value: (Measurement) -> Double?
    ) {
        guard let was = earlier.spread("varve", value), let now = later.spread("varve", value)
        else { return }
        Swift.print(
            "   \(title): \(TextReport.range(was)), now \(TextReport.range(now)), "
                + "times \(TextReport.number(now.median / was.median))")
    }
}
