import Foundation

/// The figures for a person at a terminal.
enum TextReport {
    static func heading(_ machine: Machine) -> String {
        "\(machine.date), commit \(machine.commit), \(machine.processors) x \(machine.processor), "
            + "Linux \(machine.kernel), \(machine.fileSystem), load \(machine.loadAverage)\n"
            + "Figures are medians (smallest to largest). On a machine that others use only the "
            + "ratios of a round count, and rates are lower bounds."
    }

    static func text(_ result: ScenarioResult) -> String {
        var lines = ["", "== \(result.name): \(result.summary)"]
        let names = result.contestants.map(\.name).filter { name in
            result.rounds.contains { $0[name] != nil }
        }
        if !names.isEmpty {
            lines.append(row(["", "\(result.unit)/s", "MB/s", "broker CPU s/GB", "s/million",
                "client s/GB", "p50 ms", "p99 ms", "p99.9 ms", "MB resident", "MB on disk", "syncs",
            ]))
        }
        for name in names {
            func cell(_ value: (Measurement) -> Double?) -> String {
                guard let spread = result.spread(name, value) else { return "-" }
                return number(spread.median)
            }
            let rate = result.spread(name) { $0.recordsPerSecond }
            lines.append(
                row([
                    name + (isDurable(name, result) ? " *" : ""),
                    rate.map { range($0) } ?? "-",
                    cell { $0.bytes > 0 ? $0.megabytesPerSecond : nil },
                    cell(\.brokerCPUPerGigabyte), cell(\.brokerCPUPerMillion),
                    cell(\.clientCPUPerGigabyte), cell(\.p50), cell(\.p99), cell(\.p999),
                    cell { $0.residentBytesMax.map { Double($0) / 1e6 } },
                    cell { $0.diskBytes.map { Double($0) / 1e6 } },
                    cell { $0.syncs.map(Double.init) },
                ]))
        }
        for name in names where name != "varve" {
            guard let ratio = result.ratio(to: name) else { continue }
            lines.append("   varve / \(name): \(range(ratio))")
        }
        for verdict in result.verdicts {
            let bound = verdict.atLeast.map { "at least \(number($0))" }
                ?? verdict.atMost.map { "at most \(number($0))" } ?? ""
            lines.append(
                "   mark \(verdict.isMet ? "met   " : "MISSED"): \(verdict.text) \(bound): "
                    + range(verdict.spread))
        }
        for (name, reason) in result.absent.sorted(by: { $0.key < $1.key }) {
            lines.append("   ! \(name): \(reason)")
        }
        if names.contains(where: { isDurable($0, result) }) {
            lines.append("   * on disk before it is acknowledged")
        }
        if let load = Spread(result.loadAverages) {
            lines.append("   load average \(range(load)) over \(result.rounds.count) rounds")
        }
        return lines.joined(separator: "\n")
    }

    static func range(_ spread: Spread) -> String {
        "\(number(spread.median)) (\(number(spread.min)) to \(number(spread.max)))"
    }

    /// Three digits that count, with the thousands apart.
    static func number(_ value: Double) -> String {
        switch abs(value) {
        case 0: return "0"
        case ..<0.1: return String(format: "%.3f", value)
        case ..<10: return String(format: "%.2f", value)
        case ..<100: return String(format: "%.1f", value)
        default:
            let digits = String(Int(value.rounded()))
            var text = ""
            for (index, digit) in digits.enumerated() {
                if index > 0, (digits.count - index) % 3 == 0, digits.first != "-" || index > 1 {
                    text += " "
                }
                text.append(digit)
            }
            return text
        }
    }

    private static func isDurable(_ name: String, _ result: ScenarioResult) -> Bool {
        result.contestants.first { $0.name == name }?.isDurable ?? false
    }

    private static func row(_ cells: [String]) -> String {
        let widths = [24, 34, 8, 16, 10, 12, 9, 9, 9, 12, 11, 8]
        return "   "
            + zip(cells, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
                return index == 0 ? cell.0 + padding : padding + cell.0
            }.joined(separator: " ")
    }
}
