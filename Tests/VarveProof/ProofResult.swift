internal import VarvePlatform

/// What a proof counted, and which promises it found broken.
package struct ProofResult: Sendable {
    /// What was tried: images, runs, flips, kills, whatever the proof is about.
    package var count = 0
    /// Other things worth counting, by name.
    package var details: [String: Int] = [:]
    package private(set) var violationCount = 0
    /// The first violations, as sentences that say how to see them again.
    package private(set) var violations: [String] = []

    package init() {}

    package mutating func add(violation: String) {
        violationCount += 1
        if violations.count < 20 { violations.append(violation) }
    }

    package mutating func add(_ other: ProofResult) {
        count += other.count
        details.merge(other.details, uniquingKeysWith: +)
        violationCount += other.violationCount
        violations = Array((violations + other.violations).prefix(20))
    }

    /// Runs `body` for each of `items` on as many threads as there are processors and adds up
    /// what they return. Stops handing out items after 20 violations.
    package static func parallel<Item: Sendable>(
        _ items: some Sequence<Item> & Sendable, threads: Int = ProcessControl.processorCount,
        _ body: @escaping @Sendable (Item) -> ProofResult
    ) -> ProofResult {
        let waiting = Lock(Array(items)[...])
        let total = Lock(ProofResult())
        let workers = (0..<threads).map { number in
            NamedThread("proof-\(number)") {
                while total.withLock({ $0.violations.count < 20 }),
                    let item = waiting.withLock({ $0.popFirst() })
                {
                    let result = body(item)
                    total.withLock { $0.add(result) }
                }
            }
        }
        for worker in workers { worker.join() }
        return total.withLock { $0 }
    }
}
