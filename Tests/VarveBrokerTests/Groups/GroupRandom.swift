import Foundation

/// Random numbers that a failed run can have again: VARVE_SEED in the environment gives the seed,
/// and every run's seed is printed.
struct GroupRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    init(test: String, run: Int) {
        let given = ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap { UInt64($0) }
        state = given ?? UInt64.random(in: 0..<UInt64.max)
        print("\(test) run \(run): VARVE_SEED=\(state)")
        // Runs of one seed still differ from each other.
        state &+= UInt64(run) &* 0x9E37_79B9_7F4A_7C15
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }
}
