internal import Foundation

/// Random numbers that are the same for the same seed, everywhere (SplitMix64: Steele, Lea and
/// Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
package struct Generator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// With the seed of a random test.
    package init(_ test: String) { self.init(seed: Self.seed(for: test)) }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func int(_ range: Range<Int>) -> Int { .random(in: range, using: &self) }
    package mutating func int(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }
    /// 0 to `bound` - 1.
    package mutating func below(_ bound: Int) -> Int { int(0..<bound) }
    /// True with probability `numerator / denominator`.
    package mutating func chance(_ numerator: Int, in denominator: Int) -> Bool {
        int(0..<denominator) < numerator
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        // The initializer below writes into the one empty array that all threads share.
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            for start in stride(from: 0, to: count, by: 8) {
                withUnsafeBytes(of: next()) { word in
                    (raw.baseAddress! + start).copyMemory(
                        from: word.baseAddress!, byteCount: min(8, count - start))
                }
            }
            used = count
        }
    }

    /// The seed of a random test: `VARVE_SEED` from the environment, or a new one. It is printed,
    /// so that a failure can be run again.
    package static func seed(for test: String) -> UInt64 {
        let given = ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 0..<1 << 32)
        print("\(test): VARVE_SEED=\(seed)")
        return seed
    }
}
