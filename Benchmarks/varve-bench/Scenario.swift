/// One thing that is measured against a physical limit of the machine.
///
/// The machine is never quiet, so a figure alone says little: each round measures the limit and
/// ours in turn, and only their ratio is reported.
protocol Scenario {
    /// The name on the command line.
    var name: String { get }
    /// What is compared, in one line.
    var summary: String { get }
    /// What the figures count, for instance `events/s`.
    var unit: String { get }
    /// Measures the physical limit once; a rate in `unit`.
    func limit(in directory: String) throws -> Double
    /// Measures Varve once; a rate in `unit`.
    func ours(in directory: String) throws -> Double
}

/// The figures of one scenario over several rounds.
struct Figures {
    let limits: [Double]
    let ours: [Double]

    /// Ours as a part of the limit of the same round: smallest, median, largest.
    var ratios: (min: Double, median: Double, max: Double) {
        let sorted = zip(ours, limits).map { $0 / $1 }.sorted()
        return (sorted[0], sorted[sorted.count / 2], sorted[sorted.count - 1])
    }

    static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
