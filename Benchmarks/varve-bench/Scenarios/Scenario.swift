/// One thing that is measured, for several contestants in turn.
struct Scenario {
    /// The name on the command line.
    let name: String
    /// What is measured, in one line.
    let summary: String
    /// What `Measurement.records` counts.
    var unit = "records"
    /// What the figures are held against.
    var marks: [Mark] = []
    let contestants: (Workbench) throws -> [any Contestant]
}

/// Somebody who is measured once in each round of a scenario.
protocol Contestant: AnyObject {
    var name: String { get }
    /// Whether what it acknowledges is on disk.
    var isDurable: Bool { get }
    /// Makes it ready; not measured.
    func prepare() throws
    /// - Parameter round: 0 for the first.
    func measure(round: Int) throws -> Measurement
    /// Ends what `prepare` started, whatever happened.
    func finish()
}

/// A contestant of one closure, with nothing to prepare.
final class Single: Contestant {
    let name: String
    let isDurable: Bool
    private let body: (Int) throws -> Measurement

    init(_ name: String, isDurable: Bool = false, _ body: @escaping (Int) throws -> Measurement) {
        self.name = name
        self.isDurable = isDurable
        self.body = body
    }

    func prepare() {}
    func measure(round: Int) throws -> Measurement { try body(round) }
    func finish() {}
}

/// A bound that the median over the rounds is held against.
struct Mark {
    enum Bound {
        case atLeast(Double)
        case atMost(Double)
    }

    let text: String
    let bound: Bound
    /// The value in one round; nil when who is compared was not there.
    let value: ([String: Measurement]) -> Double?

    func isMet(by value: Double) -> Bool {
        switch bound {
        case .atLeast(let least): value >= least
        case .atMost(let most): value <= most
        }
    }

    /// How many times the one's rate is the other's.
    static func rate(
        _ one: String = "varve", over other: String, atLeast bound: Double
    ) -> Mark {
        Mark(
            text: "rate of \(one) over \(other)", bound: .atLeast(bound),
            value: { round in
                guard let ours = round[one], let theirs = round[other] else { return nil }
                return ours.recordsPerSecond / theirs.recordsPerSecond
            })
    }

    static func brokerCPU(atMost bound: Double) -> Mark {
        Mark(
            text: "broker CPU seconds per GB", bound: .atMost(bound),
            value: { $0["varve"]?.brokerCPUPerGigabyte })
    }

    /// Any figure of Varve's own.
    static func own(
        _ text: String, _ bound: Bound, _ value: @escaping (Measurement) -> Double?
    ) -> Mark {
        Mark(text: text, bound: bound, value: { $0["varve"].flatMap(value) })
    }
}
