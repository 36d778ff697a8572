import Testing
internal import VarveFuzz
internal import VarvePlatform
internal import VarveSimulation

/// The quick form of Tools/fuzz: every target takes its seeds, and random changes of them.
@Suite struct FuzzTests {
    @Test(arguments: FuzzTarget.allCases)
    func whateverTheBytesNothingTraps(_ target: FuzzTarget) {
        var random = Generator("whateverTheBytesNothingTraps.\(target)")
        let seeds = target.seeds
        for seed in seeds { target.run(seed) }
        for _ in 0..<(target == .log ? 150 : 2000) {
            var bytes = seeds[random.below(seeds.count)].array
            for _ in 0...random.below(4) where !bytes.isEmpty {
                let at = random.below(bytes.count)
                switch random.below(5) {
                case 0: bytes[at] ^= 1 << UInt8(random.below(8))
                case 1: bytes[at] = [0, 0x7F, 0x80, 0xFF][random.below(4)]
                case 2: bytes.remove(at: at)
                case 3: bytes.insert(UInt8(random.below(256)), at: at)
                default: bytes.removeLast(random.below(bytes.count - at) + 1)
                }
            }
            target.run(ByteSlice(bytes))
        }
    }
}
